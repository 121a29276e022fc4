"""Secrets among the settings: read from files, and refused where everybody knows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from streetveil.errors import ConfigurationError

FILE_SUFFIX = "_file"
"""`DATABASE_URL_FILE` names the file that holds `DATABASE_URL`."""

_MAX_FILE_BYTES = 64 * 1024

# Those of docker-compose.yml begin like that; they stand in a public file.
_DEVELOPMENT = "streetveil-dev"
# What installation guides, images and examples have people type.
_WIDELY_KNOWN = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's tutorial
        "123456",
        "12345678",
        "a-string-secret-at-least-256-bits-long",  # jwt.io
        "admin",
        "change-me",
        "change_me",
        "changeit",
        "changeme",
        "default",
        "example",
        "foobared",
        "guest",
        "letmein",
        "mariadb",
        "minio",
        "minioadmin",
        "minio123",
        "mysql",
        "passw0rd",
        "password",
        "redis",
        "root",
        "s3cr3t",
        "secret",
        "streetveil",
        "supersecret",
        "test",
        "your-256-bit-secret",
        "your-secret-key",
        "your-super-secret-jwt-token-with-at-least-32-characters-long",  # Supabase
    }
)


def read_secret_files(secrets: Collection[str], given: Mapping[str, object], place: str) -> dict[str, tuple[str, str]]:
    """The secrets that one place names files for: by setting the value and where it came from.

    Args:
        secrets: names of the settings that may come from a file, in small letters.
        given: what the place says, by names in small letters.
        place: what it is called in messages.

    Raises:
        ConfigurationError: a file cannot be read or is empty, or the place names the value as well. The message
            repeats not even the path: what stands there may be the secret itself, by mistake.
    """
    found: dict[str, tuple[str, str]] = {}
    for name in secrets:
        path = given.get(name + FILE_SUFFIX)
        if path in (None, ""):
            continue
        spelling = f"{name}{FILE_SUFFIX}".upper()
        if given.get(name) not in (None, ""):
            raise ConfigurationError(f"{name.upper()} and {spelling} are both set (from {place}): set one of them.")
        found[name] = (_read(Path(str(path)), f"{spelling} (from {place})"), f"{place}: {spelling}")
    return found


def is_widely_known(value: str) -> bool:
    """Whether a secret, or the password within a URL, is one that strangers try first."""
    return any(word.lower().startswith(_DEVELOPMENT) or word.lower() in _WIDELY_KNOWN for word in _passwords_in(value))


def _passwords_in(value: str) -> list[str]:
    if "://" not in value:
        return [value]
    # Not all that is written there is a URL as the standard has it: sentinels are several hosts.
    head, _, query = value.partition("://")[2].partition("?")
    credentials = head.partition("/")[0].rpartition("@")[0]
    named = [text for name, text in parse_qsl(query) if "password" in name]
    return [unquote(credentials.partition(":")[2]), *named]


def _read(path: Path, spelling: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{spelling} names a file that cannot be read: {error.strerror}.") from None
    if len(content) > _MAX_FILE_BYTES:
        raise ConfigurationError(f"{spelling} names a file that is too large for a secret.")
    try:
        # Editors and `echo` end a file with a line end that is not part of the secret.
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{spelling} names a file that is not text in UTF-8.") from None
    if not text:
        raise ConfigurationError(f"{spelling} names a file that is empty.")
    return text
