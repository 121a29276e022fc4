"""Settings become adapters, adapters become services: the only place where things are wired together.

Each backend is chosen on its own. Without `REDIS_URL` the queue lives in this process, and the workers with it.
What is chosen is imported where it is chosen: no process waits for, and keeps in memory, what it does not use.
"""

from streetveil.bootstrap.backends import open_database
from streetveil.bootstrap.callers import build_authenticator, build_limits, build_token_issuer
from streetveil.bootstrap.choices import default_options, results_variant, tuned_models, worker_threads
from streetveil.bootstrap.photos import OnRun, attempt_in_child, build_anonymiser, lazy_anonymiser, open_anonymiser
from streetveil.bootstrap.services import Services, open_for_operators, open_services
from streetveil.bootstrap.tenant_keys import key_folder, webhook_secret
from streetveil.bootstrap.watching import build_metrics, build_traces

__all__ = [
    "OnRun",
    "Services",
    "attempt_in_child",
    "build_anonymiser",
    "build_authenticator",
    "build_limits",
    "build_metrics",
    "build_token_issuer",
    "build_traces",
    "default_options",
    "key_folder",
    "lazy_anonymiser",
    "open_anonymiser",
    "open_database",
    "open_for_operators",
    "open_services",
    "results_variant",
    "tuned_models",
    "webhook_secret",
    "worker_threads",
]
