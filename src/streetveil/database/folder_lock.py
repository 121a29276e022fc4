"""One embedded service per data folder: two would each take the other's running jobs for lost ones."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from streetveil.errors import ConfigurationError, DataDirectoryBusyError


class DataFolderLock:
    """Holds a data folder for this process, for as long as this object is kept.

    The system lets go of it when the process ends, however it does.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._lock = FileLock(self._folder / "streetveil.lock", mode=0o600, thread_local=False)

    def acquire(self) -> None:
        """Takes the folder, which is made where it is missing.

        Raises:
            DataDirectoryBusyError: another process has it.
            ConfigurationError: the folder cannot be made or written to.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DataDirectoryBusyError(
                f"Another embedded service works in {self._folder}: stop it, or name another data folder."
            ) from None
        except OSError as error:
            reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror
            raise ConfigurationError(f"The data folder {self._folder} cannot be used: {reason}.") from error

    def release(self) -> None:
        """Gives the folder back; nothing happens where it is not held."""
        self._lock.release()
