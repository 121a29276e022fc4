"""The JSON file that `PIPELINE_CONFIG` names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streetveil.errors import ConfigurationError
from streetveil.settings.fields import Settings, secret_names
from streetveil.settings.secrets import FILE_SUFFIX

# It nests the store's settings; each name there is one of ours here.
_AWS_CONFIG = {
    "aws_access_key_id": "aws_access_key_id",
    "aws_secret_access_key": "aws_secret_access_key",
    "region_name": "aws_region",
    "bucket_name": "s3_bucket",
    "endpoint_url": "s3_endpoint_url",
}


def read_pipeline_config(path: Path) -> dict[str, Any]:
    """The settings of that file, and the files of secrets, by their names in small letters.

    Raises:
        ConfigurationError: it cannot be read, or has what is no setting.
    """
    if str(path).lstrip().startswith("{"):  # what stands there is not repeated: it may have secrets
        raise ConfigurationError("PIPELINE_CONFIG holds JSON; it must name a file that does.")
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"PIPELINE_CONFIG names {path}, which cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigurationError(f"PIPELINE_CONFIG names {path}, which is not JSON: {error}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("aws_config", {}), dict):
        raise ConfigurationError(f"PIPELINE_CONFIG names {path}, which must hold a JSON object.")
    aws = content.pop("aws_config", {})
    secrets = {name + FILE_SUFFIX for name in secret_names()}
    in_aws = {name + suffix: ours + suffix for name, ours in _AWS_CONFIG.items() for suffix in ("", FILE_SUFFIX)}
    known_in_aws = {name for name, ours in in_aws.items() if ours in Settings.model_fields or ours in secrets}
    unknown = (content.keys() - Settings.model_fields.keys() - secrets) | (aws.keys() - known_in_aws)
    if unknown:
        raise ConfigurationError(f"PIPELINE_CONFIG {path} has settings nobody knows: {', '.join(sorted(unknown))}.")
    named = content | {in_aws[name]: value for name, value in aws.items()}
    # As in the environment, nothing and an empty text mean that it is not set.
    return {name: value for name, value in named.items() if value not in (None, "")}
