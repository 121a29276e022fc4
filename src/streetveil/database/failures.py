"""What drivers raise becomes our errors: which of them pass, which an operator must mend, which can be done again."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from streetveil.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    OutcomeUnknownError,
    SchemaMismatchError,
    StreetveilError,
)

# Numbers of MySQL's and MariaDB's errors (https://mariadb.com/docs/server/reference/error-codes).
_CONFLICTS = frozenset({1205, 1213})  # waited too long for a lock; chosen to resolve a deadlock
_CONNECTING = frozenset({2002, 2003, 2005})
_LOST = frozenset({1053, 1077, 1079, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014, 2055})
_READ_ONLY = frozenset({1290, 1792, 1836, 3989})
_FULL = frozenset({1040, 1203, 1226})
_WRONG_ACCOUNT = frozenset({1044, 1045, 1130, 1131, 1133, 1142, 1227, 1698, 1862, 2059, 3118, 4151})
_UNKNOWN_DATABASE = 1049
_OTHER_SCHEMA = frozenset({1054, 1146})
_NO_SPACE = frozenset({1021, 1041, 1114})


def number_of(error: DBAPIError) -> int | None:
    """The server's number of an error; None for SQLite's, which have none."""
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def can_be_repeated(error: Exception, *, committing: bool) -> bool:
    """Whether the transaction surely did not happen, and may if it is tried again.

    Args:
        error: what ended it.
        committing: the commit had been sent: where its answer was lost nobody knows whether it happened.
    """
    if not isinstance(error, DBAPIError):
        return False
    number = number_of(error)
    if number in _CONFLICTS:
        return True
    return not committing and (number in _LOST or number in _CONNECTING or error.connection_invalidated)


def translate(error: Exception, engine: Engine, *, starting: bool = False, committing: bool = False) -> Exception:
    """Our error for what was raised; the error itself where it is a defect of a statement of ours.

    Args:
        error: what was raised.
        engine: its URL names the database to the reader; never its password.
        starting: what an operator must mend is a ConfigurationError. Later it is not: settings that worked may
            work again, when a password is being changed on the server, for instance.
        committing: see `can_be_repeated`.
    """
    if isinstance(error, PoolTimeoutError):
        return DatabaseUnavailableError("All connections to the database are in use. Try again.")
    if not isinstance(error, DBAPIError):
        return error
    number = number_of(error)
    if number in _OTHER_SCHEMA:
        return SchemaMismatchError(
            "The database lacks a table or column this version needs: run `streetveil db upgrade`."
        )
    kind, detail = _explain(number, engine, str(error.orig))
    if detail is None:
        # These are defects of a statement of ours, not of the database.
        if isinstance(error, IntegrityError | DataError | ProgrammingError):
            return error
        detail = "The database cannot be used at the moment."
    if committing and number in _LOST:
        return OutcomeUnknownError(
            "The connection to the database was lost while it committed: what was asked for may have been done."
        )
    return kind(detail) if starting else DatabaseUnavailableError(detail)


def _explain(number: int | None, engine: Engine, message: str) -> tuple[type[StreetveilError], str | None]:
    if number is None:
        return DatabaseUnavailableError, None
    url = engine.url
    place = f"{url.host or 'localhost'}:{url.port or 3306}"
    # "(2003, "Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)")": what the last brackets hold.
    bracketed = message.rpartition("' (")[2].rstrip("\")' ")
    reason = f" ({bracketed[:200]})" if "' (" in message else ""
    passing: dict[frozenset[int], str] = {
        _CONFLICTS: "The database was busy with the same rows. Try again.",
        _CONNECTING: f"The database at {place} cannot be reached{reason}: does it run, and is DATABASE_URL right?",
        _LOST: f"The connection to the database at {place} was lost, or it did not answer in time.",
        _READ_ONLY: f"The database at {place} is read-only: name one in DATABASE_URL that can be written to.",
        _FULL: f"The database at {place} has too many connections: raise its max_connections or run fewer processes.",
        _NO_SPACE: f"The database at {place} has no space or memory left.",
    }
    for numbers, detail in passing.items():
        if number in numbers:
            return DatabaseUnavailableError, detail
    if number in _WRONG_ACCOUNT:
        return ConfigurationError, (
            f"The database at {place} refuses user {url.username or 'without a name'}: check the user, the password "
            f"(percent-encoded) and the user's rights on {url.database} in DATABASE_URL."
        )
    if number == _UNKNOWN_DATABASE:
        return ConfigurationError, (
            f"There is no database {url.database} at {place}: create it, as mysql-init/01-init.sql does, "
            "or name another in DATABASE_URL."
        )
    return DatabaseUnavailableError, None
