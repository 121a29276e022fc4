"""Files and folders on disk."""

from __future__ import annotations

from streetveil.errors.base import StreetveilError
from streetveil.errors.kinds import ConfigurationError


class DataDirectoryBusyError(ConfigurationError):
    """Another embedded service already works in this data folder."""

    code = "data_directory_busy"


class OutputConflictError(ConfigurationError):
    """Results would overwrite each other or the originals."""

    code = "output_conflict"


class OutputBusyError(ConfigurationError):
    """Another run already writes into this output folder."""

    code = "output_busy"


class UnreadableFileError(StreetveilError):
    """A file on disk cannot be read."""

    code = "unreadable_file"


class UnwritableOutputError(StreetveilError):
    """A result cannot be written to disk."""

    code = "unwritable_output"
