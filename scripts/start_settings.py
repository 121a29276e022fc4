"""Prints what start.sh must know of the settings: host, port, whose database and queue (`own` or `server`), and
`tune` where `streetveil models tune` would pay and has not been done, else `-`.
"""

from __future__ import annotations

import argparse
import sys

from streetveil.bench.machine import instructions
from streetveil.detection.models import MODELS
from streetveil.detection.tuning import Machine, Tuning
from streetveil.detection.weights import ModelCache
from streetveil.errors import ConfigurationError
from streetveil.settings import Settings, load_settings

_EIGHT_BITS = {"avx512_vnni", "avx_vnni", "amx_int8"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="the port of the command line")
    try:
        settings = load_settings({"port": parser.parse_args().port}).settings
    except ConfigurationError as error:
        sys.exit(f"error: {error.detail}")
    # A service that listens on every address is asked on this machine's own.
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    whose = ["server" if url else "own" for url in (settings.database_url, settings.redis_url)]
    print(host, settings.port, *whose, "tune" if _tuning_pays(settings) else "-")


def _tuning_pays(settings: Settings) -> bool:
    tuning = Tuning(ModelCache(settings.streetveil_cache), Machine.this())
    return not _EIGHT_BITS.isdisjoint(instructions()) and not any(tuning.chosen(card) for card in MODELS)


if __name__ == "__main__":
    main()
