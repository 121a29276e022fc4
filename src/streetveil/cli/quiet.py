"""Logging for commands that say by themselves what they do, and end."""

from __future__ import annotations

from streetveil.observability.logs import configure_logging
from streetveil.settings import Settings


def log_quietly(settings: Settings) -> None:
    """Logs to standard error, and from warnings on, unless another LOG_LEVEL than the default is asked for."""
    configure_logging("WARNING" if settings.log_level == "INFO" else settings.log_level, settings.log_format)
