"""Engines for MySQL 8 and MariaDB, through PyMySQL. docs/database.md tells operators what the server needs."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine

from streetveil.errors import ConfigurationError

BACKENDS = frozenset({"mysql", "mariadb"})

# Options of the URL's query, as PyMySQL names them; all others would be passed on to the driver unseen.
_TLS_FILES = ("ssl_ca", "ssl_cert", "ssl_key")
_TLS_SWITCHES = ("ssl_verify_cert", "ssl_verify_identity", "ssl_disabled")
_OTHERS = ("unix_socket",)

_LOCK_WAIT_S = 5
_SESSION = f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {_LOCK_WAIT_S}"


def open_mysql(url: URL, *, pool_size: int, pool_overflow: int, pool_timeout_s: float, timeout_s: float) -> Engine:
    """The engine; connects to nothing yet.

    Raises:
        ConfigurationError: the URL names another driver, no database, or an option that is not known.
    """
    if url.drivername not in {*BACKENDS, *(f"{name}+pymysql" for name in BACKENDS)}:
        raise ConfigurationError("MySQL and MariaDB are used through PyMySQL: begin the URL with mysql+pymysql://.")
    if not url.database:
        raise ConfigurationError("The database URL names no database: mysql+pymysql://user:password@host:3306/name.")
    return create_engine(
        url.set(drivername="mysql+pymysql", query={}),
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": max(1, round(min(timeout_s, 5))),
            # A server that hangs holds a request no longer than this, for there is no other end to a read.
            "read_timeout": timeout_s,
            "write_timeout": timeout_s,
            "init_command": _SESSION,
            **_options(url.query),
        },
        isolation_level="READ COMMITTED",  # no locks on gaps between rows: fewer deadlocks, and none is needed
        pool_pre_ping=True,
        pool_recycle=1800,  # under the idle times of servers and of what stands between
        pool_size=pool_size,
        max_overflow=pool_overflow,
        pool_timeout=pool_timeout_s,
        hide_parameters=True,  # names of files are in them, and errors are logged
    )


def _options(query: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in query.items():
        if name in _TLS_FILES and not Path(str(value)).is_file():
            raise ConfigurationError(f"DATABASE_URL names in {name} a file that is not there.")
        if name in _TLS_FILES or name in _OTHERS:
            options[name] = str(value)
        elif name in _TLS_SWITCHES:
            options[name] = _truth(name, value)
        elif name != "charset":  # often written there; it is always utf8mb4
            known = ", ".join((*_TLS_FILES, *_TLS_SWITCHES, *_OTHERS))
            # Not repeated: behind a ? that is not percent-encoded stands the rest of a password.
            raise ConfigurationError(f"DATABASE_URL has after its ? an option that is not known; these are: {known}.")
    if "ssl_ca" in options:
        # Naming an authority says that the server is to be proven.
        options = {"ssl_verify_cert": True, "ssl_verify_identity": True} | options
        try:
            ssl.create_default_context(cafile=options["ssl_ca"])
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationError("DATABASE_URL names in ssl_ca a file without a certificate.") from error
    return options


def _truth(name: str, value: Any) -> bool:  # noqa: ANN401 - a query's value: a text, or several
    if value in ("1", "true"):
        return True
    if value in ("0", "false"):
        return False
    raise ConfigurationError(f"DATABASE_URL: {name} must be true or false.")
