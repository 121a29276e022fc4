"""The database."""

from __future__ import annotations

from streetveil.errors.kinds import ConfigurationError, UnavailableError


class DatabaseUnavailableError(UnavailableError):
    """The database cannot be reached or refuses us."""

    code = "database_unavailable"


class OutcomeUnknownError(DatabaseUnavailableError):
    """The connection was lost while the database committed: what was asked for may have been done."""

    code = "outcome_unknown"


class SchemaMismatchError(ConfigurationError):
    """The database's schema is older or newer than this version of the program."""

    code = "schema_mismatch"
