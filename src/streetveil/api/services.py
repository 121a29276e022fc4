"""What the HTTP service is given: the use cases, and the limits it enforces itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from streetveil.jobs.anonymising import Anonymising
from streetveil.jobs.audit import AuditTrail
from streetveil.jobs.erase import Erase
from streetveil.jobs.health import Health
from streetveil.jobs.inspect import Inspect
from streetveil.jobs.notify import Notify
from streetveil.jobs.release import Release
from streetveil.jobs.retry import Retry
from streetveil.jobs.submit import Submit
from streetveil.limits.base import Limits


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Everything a route may use.

    Attributes:
        max_upload_bytes: of one file.
        max_pixels: width times height of one picture.
        max_batch_files, max_batch_bytes: of one batch, the bytes in sum over its files.
        spool_dir: an existing folder for files that are coming in; nothing stays in it.
        default_options: the service's own choices for options that a request leaves out, as `JobOptions.parse`
            takes them.
        max_concurrent_redactions: photos that /redact works on at once.
        max_waiting_redactions: more requests than this waiting for their turn are refused with 429.
        upload_threads: uploads that are parsed or stored at once; few where that needs processors, more where it waits
            for servers.
        max_waiting_uploads: while so many wait for their turn, more are refused with 429.
        annotate_vehicles: whether Panoramax is told of vehicles as annotations.
        notify: tells where clients ask for it that jobs have ended; None where the service does not.
        idle_timeout_s: a request whose body stops arriving for so long is given up.
        upload_timeout_s: so long may be waited for a whole body.
        min_upload_bytes_per_s: after `idle_timeout_s` a body must come so fast on average; 0: it may be slower.
        max_open_uploads, max_uploads_per_client: bodies that may be arriving at once.
        queue_is_here: whether the queue is in this process, so that nobody waits to be told how full it is.
        limits: how much one client may ask for; None: as much as it likes.
    """

    submit: Submit
    inspect: Inspect
    retry: Retry
    release: Release
    erase: Erase
    audit: AuditTrail
    anonymise: Anonymising
    health: Health
    max_upload_bytes: int
    max_pixels: int
    spool_dir: Path
    max_batch_files: int = 100
    max_batch_bytes: int = 1024**3
    default_options: Mapping[str, str | float | list[str] | None] = field(default_factory=dict)
    max_concurrent_redactions: int = 2
    max_waiting_redactions: int = 16
    upload_threads: int = 4
    max_waiting_uploads: int = 12
    annotate_vehicles: bool = True
    idle_timeout_s: float = 60.0
    notify: Notify | None = None
    upload_timeout_s: float = 1800.0
    min_upload_bytes_per_s: int = 1024
    max_open_uploads: int = 256
    max_uploads_per_client: int = 128
    queue_is_here: bool = False
    limits: Limits | None = None


OpenServices = Callable[[], AbstractContextManager[ApiServices]]
"""Starts everything on entering and stops it in order on leaving; both may block and run in a thread."""
