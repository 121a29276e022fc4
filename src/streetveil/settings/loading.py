"""Reads the settings of every place once, and remembers which came from where.

Precedence, highest first: command line, environment, `.env`, the JSON file named by `PIPELINE_CONFIG`, defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings.sources import DotEnvSettingsSource, EnvSettingsSource

from streetveil.errors import ConfigurationError
from streetveil.settings.fields import Settings, secret_names
from streetveil.settings.pipeline_config import read_pipeline_config
from streetveil.settings.secrets import FILE_SUFFIX, is_widely_known, read_secret_files
from streetveil.settings.typos import misspelt


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and for each name the place its value came from."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    overrides: Mapping[str, Any] | None = None, *, env_file: Path | None = Path(".env")
) -> LoadedSettings:
    """Reads every place once.

    Args:
        overrides: values of the command line; None values count as not given.
        env_file: file of `NAME=value` lines; None or an absent file is passed over.

    Raises:
        ConfigurationError: a value is not allowed, a name in `env_file` is misspelt, or the file named by
            `PIPELINE_CONFIG` cannot be used;
            the message names the setting and its place, never a value.
    """
    places: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []  # name, settings, all that is written there
    environment = EnvSettingsSource(Settings)
    try:
        dotenv = DotEnvSettingsSource(Settings, env_file=env_file, env_file_encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{env_file} cannot be read: it must be a text file in UTF-8.") from error
    _refuse_misspelt(dotenv.env_vars, env_file)
    pipeline_config = environment.env_vars.get("pipeline_config") or dotenv.env_vars.get("pipeline_config")
    if pipeline_config:
        place = f"PIPELINE_CONFIG {pipeline_config}"
        named = read_pipeline_config(Path(pipeline_config))
        places.append((place, named, named))
    places.append((".env", dotenv(), dotenv.env_vars))
    places.append(("environment", environment(), environment.env_vars))
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    places.append(("command line", given, given))

    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for place, found, written in places:
        for name in found.keys() & Settings.model_fields.keys():
            values[name] = found[name]
            origins[name] = place
        for name, (secret, origin) in read_secret_files(secret_names(), written, place).items():
            values[name] = secret
            origins[name] = origin
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explain(problem, origins) for problem in error.errors())) from None
    _refuse_what_protects_nothing(settings, origins)
    return LoadedSettings(settings, origins)


def variables() -> frozenset[str]:
    """The environment variables that `load_settings` reads, in capitals."""
    secrets = (name + FILE_SUFFIX for name in secret_names())
    return frozenset(name.upper() for name in (*Settings.model_fields, *secrets, "pipeline_config"))


def _refuse_misspelt(written: Mapping[str, Any], env_file: Path | None) -> None:
    """Raises ConfigurationError for a name in `.env` that can only be meant to be a setting's."""
    found = misspelt(written, frozenset(name.lower() for name in variables()))
    if found is not None:
        raise ConfigurationError(f"{env_file} has {found[0].upper()}, which is no setting; {found[1].upper()} is.")


def _refuse_what_protects_nothing(settings: Settings, origins: Mapping[str, str]) -> None:
    """Raises ConfigurationError for what must not come about by mistake."""
    for name in secret_names() if not settings.allow_default_passwords else ():
        secret: SecretStr | None = getattr(settings, name)
        if secret is not None and is_widely_known(secret.get_secret_value()):
            raise ConfigurationError(
                f"{name.upper()} (from {origins[name]}) has a password that everybody knows. Choose another; for "
                "development alone there is ALLOW_DEFAULT_PASSWORDS=1."
            )
    if settings.s3_encryption == "none" and not settings.allow_unencrypted:
        raise ConfigurationError(
            f"S3_ENCRYPTION (from {origins['s3_encryption']}) is none: photos would lie in the bucket as the bucket is "
            "set. Where that is meant, set ALLOW_UNENCRYPTED=1 too."
        )


def _explain(problem: Any, origins: Mapping[str, str]) -> str:  # noqa: ANN401 - pydantic's own loosely typed dict
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    return f"{name.upper()} (from {origins.get(name, 'unknown')}): {problem['msg']}"
