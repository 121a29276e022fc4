"""Settings and logging of commands that say by themselves what they do, and end."""

from __future__ import annotations

from streetveil.observability.logs import configure_logging
from streetveil.settings import Settings, load_settings


def quiet_settings() -> Settings:
    """The settings; logs go to standard error, from warnings on unless another LOG_LEVEL than the default is asked for.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    settings = load_settings().settings
    configure_logging("WARNING" if settings.log_level == "INFO" else settings.log_level, settings.log_format)
    return settings
