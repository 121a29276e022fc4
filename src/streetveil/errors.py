"""Every error the product raises on purpose: a stable code, and whether trying again can help.

The classes in the upper half say *whose* problem it is; `api/errors.py` maps those few kinds to
HTTP statuses and the command line maps them to exit codes. Neither ever looks at a single code.
"""

from __future__ import annotations

from typing import ClassVar


class StreetveilError(Exception):
    """Base of all deliberate errors.

    Attributes:
        code: stable, machine-readable name; part of the public contract (docs/errors.md).
        retryable: True where the same request may succeed later without being changed.
        detail: one sentence for a person: what is wrong and, where it can be said, what to do.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


# --- kinds: whose problem is it? ---------------------------------------------------------------


class MalformedRequestError(StreetveilError):
    """The request itself cannot be understood (HTTP 400)."""

    code = "malformed_request"


class StalledRequestError(StreetveilError):
    """The client stopped sending in the middle of its request (HTTP 408)."""

    code = "request_stalled"
    retryable = True


class UnauthenticatedError(StreetveilError):
    """The caller did not prove who they are (HTTP 401)."""

    code = "unauthenticated"


class ForbiddenError(StreetveilError):
    """The caller is known, but may not do this (HTTP 403)."""

    code = "forbidden"


class NotFoundError(StreetveilError):
    """What was asked for does not exist, or no longer (HTTP 404)."""

    code = "not_found"


class ConflictError(StreetveilError):
    """The request contradicts the present state (HTTP 409)."""

    code = "conflict"


class TooLargeError(StreetveilError):
    """More bytes than allowed (HTTP 413)."""

    code = "file_too_large"


class UnsupportedMediaError(StreetveilError):
    """The content is of a kind that is not handled (HTTP 415)."""

    code = "unsupported_format"


class UnprocessableError(StreetveilError):
    """The request is understood, but what it contains cannot be used (HTTP 422)."""

    code = "unprocessable"


class OverloadedError(StreetveilError):
    """Too much work is waiting; try again after `retry_after_s` seconds (HTTP 429)."""

    code = "queue_full"
    retryable = True

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RateLimitedError(OverloadedError):
    """The caller asks for more in a short time than they may."""

    code = "rate_limited"


class QuotaExceededError(OverloadedError):
    """The tenant has sent as many photos, or bytes of them, as it may in a day."""

    code = "quota_exceeded"


class UnavailableError(StreetveilError):
    """Something we depend on is down or refuses us; nothing is wrong with the request (HTTP 503)."""

    code = "dependency_unavailable"
    retryable = True


class ConfigurationError(StreetveilError):
    """The operator's settings cannot work; found at start-up where it can be known then."""

    code = "invalid_configuration"


class ModelError(StreetveilError):
    """A model is missing, damaged or not of a kind that can be used."""

    code = "model_unusable"


# --- the caller --------------------------------------------------------------------------------


class InvalidTokenError(UnauthenticatedError):
    """The token does not hold: it has expired, was changed, or is of another issuer or audience."""

    code = "invalid_token"


class InsufficientScopeError(ForbiddenError):
    """The token holds, but lacks the scope that this takes."""

    code = "insufficient_scope"

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.scope = scope


# --- the request -------------------------------------------------------------------------------


class MissingFieldError(MalformedRequestError):
    """A form field that must be there is not."""

    code = "missing_field"


class EmptyFileError(MalformedRequestError):
    """A file of no bytes at all."""

    code = "empty_file"


class InvalidFilenameError(MalformedRequestError):
    """A file name that is too long, climbs out of its folder or contains control characters."""

    code = "invalid_filename"


class InvalidParameterError(UnprocessableError):
    """A query parameter or header has a value outside what is allowed: an unknown status, a limit of 0."""

    code = "invalid_parameter"


class InvalidOptionError(UnprocessableError):
    """An option has a value outside what is allowed: unknown style or class, threshold not in 0..1."""

    code = "invalid_option"


class CropsKeyMissingError(UnprocessableError):
    """`reversible` was asked for, and the tenant has no key to seal with what would be kept."""

    code: ClassVar[str] = "crops_key_missing"


class IdempotencyConflictError(ConflictError):
    """An `Idempotency-Key` was used again with another file or other options."""

    code = "idempotency_conflict"


class JobNotFoundError(NotFoundError):
    """No job has this id: it never existed or was erased."""

    code = "job_not_found"


class OriginalExpiredError(NotFoundError):
    """The job's original was removed when its time of retention was over."""

    code = "original_expired"


class CropsNotFoundError(NotFoundError):
    """The photo was uploaded without `reversible`, so nothing by which it could be restored was kept."""

    code: ClassVar[str] = "crops_not_found"


class CropsExpiredError(NotFoundError):
    """What was kept by which the photo could be restored is no longer kept: its time is over."""

    code: ClassVar[str] = "crops_expired"


class CropsUnreadableError(NotFoundError):
    """What was kept by which the photo could be restored cannot be read: the key is gone, or it was changed."""

    code: ClassVar[str] = "crops_unreadable"


class BatchNotFoundError(NotFoundError):
    """No batch has this id."""

    code = "batch_not_found"


class IllegalTransitionError(ConflictError):
    """The job is not in a state from which this can be done (retry of a job that did not fail, say)."""

    code = "illegal_transition"


class QuarantinedError(ConflictError):
    """The job's photo ended the processes that worked on it, so it is not tried again just because somebody asks."""

    code = "quarantined"


class ResultNotReadyError(ConflictError):
    """The job has no result yet, or failed and never will have one."""

    code = "result_not_ready"


class HeldBackError(ConflictError):
    """The job has a result in which something was still found: a person must look before it is handed out."""

    code = "needs_review"


class DatasetError(UnprocessableError):
    """A data set to measure on is missing or broken; the message names the file and the line."""

    code = "invalid_dataset"


# --- the picture -------------------------------------------------------------------------------


class AnimatedImageError(UnsupportedMediaError):
    """A file of several frames or pages: redacting one and passing on the others would leak."""

    code = "animated_image"


class UnsupportedPixelFormatError(UnsupportedMediaError):
    """A known container with a pixel layout that cannot be written back as it was."""

    code = "unsupported_pixel_format"


class UndecodableImageError(UnprocessableError):
    """The content starts like a picture but is broken: truncated, bad checksums, wrong lengths."""

    code = "undecodable_image"


class TooManyPixelsError(UnprocessableError):
    """Width times height is over `MAX_PIXELS`."""

    code = "too_many_pixels"


class RedactionFailedError(UnprocessableError):
    """The picture could not be redacted, so no result exists."""

    code = "redaction_failed"


class NeedsReviewError(UnprocessableError):
    """Something was still found in the redacted picture, however often it was redacted: it is not handed out."""

    code = "needs_review"


class DecoderCrashedError(UnprocessableError):
    """The photo ended the process that worked on it, or took more than it may. Tried twice, then never again.

    Twice, because a process can also end for a reason that was not the photo.
    """

    code = "decoder_crashed"
    retryable = True


class PhotoTimeoutError(DecoderCrashedError):
    """The photo took longer than `PHOTO_TIMEOUT_S`."""

    code = "photo_timeout"


class PhotoMemoryError(DecoderCrashedError):
    """The photo took more memory than `PHOTO_MEMORY_MB`."""

    code = "photo_memory"


# --- what we depend on -------------------------------------------------------------------------


class StorageUnavailableError(UnavailableError):
    """Object storage cannot be reached or refuses us."""

    code = "storage_unavailable"


class ObjectMissingError(StreetveilError):
    """An object that a job's row names is not in storage."""

    code = "object_missing"


class InvalidWebhookUrlError(UnprocessableError):
    """A webhook's URL to which nothing will be sent."""

    code = "invalid_webhook_url"


class WebhookFailedError(UnavailableError):
    """A webhook's receiver did not accept the message, or is where nothing is sent to."""

    code = "webhook_failed"


class WebhookUnreachableError(WebhookFailedError):
    """A webhook's receiver cannot be reached, or did not answer in time."""

    code = "webhook_unreachable"


class KeysUnavailableError(UnavailableError):
    """The keys that tokens are checked with cannot be fetched from the identity provider."""

    code = "keys_unavailable"


class DatabaseUnavailableError(UnavailableError):
    """The database cannot be reached or refuses us."""

    code = "database_unavailable"


class OutcomeUnknownError(DatabaseUnavailableError):
    """The connection was lost while the database committed: what was asked for may have been done."""

    code = "outcome_unknown"


class QueueUnavailableError(UnavailableError):
    """The queue cannot be reached or refuses us."""

    code = "queue_unavailable"


class MalformedMessageError(StreetveilError):
    """A message in the queue names no job: it was not written by this program, or was damaged."""

    code = "malformed_message"


class UnsupportedMessageError(StreetveilError):
    """A message in the queue was written by a newer version of the program."""

    code = "unsupported_message"
    retryable = True


class WorkerLostError(UnavailableError):
    """The worker stopped, without a word, while it worked on the job."""

    code = "worker_lost"


class DecoderUnavailableError(UnavailableError):
    """No process could be started to work on photos, or it ended for reasons that were not the photo's."""

    code = "decoder_unavailable"


class SchemaMismatchError(ConfigurationError):
    """The database's schema is older or newer than this version of the program."""

    code = "schema_mismatch"


class DataDirectoryBusyError(ConfigurationError):
    """Another embedded service already works in this data folder."""

    code = "data_directory_busy"


# --- models ------------------------------------------------------------------------------------


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


# --- folders -----------------------------------------------------------------------------------


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


# --- measuring ---------------------------------------------------------------------------------


class MeasurementError(StreetveilError):
    """`streetveil bench` could not measure: a process did not start, or refused what it must take."""

    code = "measurement_failed"
