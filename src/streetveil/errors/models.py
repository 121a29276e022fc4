"""Models: their files, and what they compute."""

from __future__ import annotations

from streetveil.errors.kinds import ModelError


class ModelMissingError(ModelError):
    """The weights are not in the cache and cannot be fetched, or the named file is not there."""

    code = "model_missing"


class DigestMismatchError(ModelError):
    """Fetched or cached weights are not the ones the catalogue names."""

    code = "digest_mismatch"


class CheckpointNotExportedError(ModelError):
    """A `.pt` checkpoint was named where an exported `.onnx` file is needed."""

    code = "checkpoint_not_exported"


class UnsupportedModelError(ModelError):
    """The file is no model of a family that can be decoded (task, outputs or class names)."""

    code = "unsupported_model"


class ConversionError(ModelError):
    """A model could not be converted, or the converted model computes something else."""

    code = "conversion_failed"
