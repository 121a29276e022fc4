"""Every error the product raises on purpose: a stable code, and whether trying again can help.

`base` has what all are, `kinds` whose problem one is, and each other file the errors of one noun. All are imported from
here.
"""

from streetveil.errors.access import (
    InsufficientScopeError,
    InvalidTokenError,
    KeysUnavailableError,
    QuotaExceededError,
    RateLimitedError,
)
from streetveil.errors.base import StreetveilError
from streetveil.errors.crops import CropsExpiredError, CropsKeyMissingError, CropsNotFoundError, CropsUnreadableError
from streetveil.errors.database import DatabaseUnavailableError, OutcomeUnknownError, SchemaMismatchError
from streetveil.errors.folders import (
    DataDirectoryBusyError,
    OutputBusyError,
    OutputConflictError,
    UnreadableFileError,
    UnwritableOutputError,
)
from streetveil.errors.jobs import (
    BatchNotFoundError,
    HeldBackError,
    IdempotencyConflictError,
    IllegalTransitionError,
    JobNotFoundError,
    OriginalExpiredError,
    QuarantinedError,
    ResultNotReadyError,
    WorkerLostError,
)
from streetveil.errors.kinds import (
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    MalformedRequestError,
    ModelError,
    NotFoundError,
    OverloadedError,
    StalledRequestError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnprocessableError,
    UnsupportedMediaError,
)
from streetveil.errors.measuring import DatasetError, MeasurementError
from streetveil.errors.models import (
    CheckpointNotExportedError,
    ConversionError,
    DigestMismatchError,
    ModelMissingError,
    UnsupportedModelError,
)
from streetveil.errors.photos import (
    AnimatedImageError,
    DecoderCrashedError,
    DecoderUnavailableError,
    NeedsReviewError,
    PhotoMemoryError,
    PhotoTimeoutError,
    RedactionFailedError,
    TooManyPixelsError,
    UndecodableImageError,
    UnsupportedPixelFormatError,
)
from streetveil.errors.queue import MalformedMessageError, QueueUnavailableError, UnsupportedMessageError
from streetveil.errors.requests import (
    EmptyFileError,
    InvalidFilenameError,
    InvalidOptionError,
    InvalidParameterError,
    MissingFieldError,
)
from streetveil.errors.storage import ObjectMissingError, StorageUnavailableError
from streetveil.errors.webhooks import InvalidWebhookUrlError, WebhookFailedError, WebhookUnreachableError

__all__ = [
    "AnimatedImageError",
    "BatchNotFoundError",
    "CheckpointNotExportedError",
    "ConfigurationError",
    "ConflictError",
    "ConversionError",
    "CropsExpiredError",
    "CropsKeyMissingError",
    "CropsNotFoundError",
    "CropsUnreadableError",
    "DataDirectoryBusyError",
    "DatabaseUnavailableError",
    "DatasetError",
    "DecoderCrashedError",
    "DecoderUnavailableError",
    "DigestMismatchError",
    "EmptyFileError",
    "ForbiddenError",
    "HeldBackError",
    "IdempotencyConflictError",
    "IllegalTransitionError",
    "InsufficientScopeError",
    "InvalidFilenameError",
    "InvalidOptionError",
    "InvalidParameterError",
    "InvalidTokenError",
    "InvalidWebhookUrlError",
    "JobNotFoundError",
    "KeysUnavailableError",
    "MalformedMessageError",
    "MalformedRequestError",
    "MeasurementError",
    "MissingFieldError",
    "ModelError",
    "ModelMissingError",
    "NeedsReviewError",
    "NotFoundError",
    "ObjectMissingError",
    "OriginalExpiredError",
    "OutcomeUnknownError",
    "OutputBusyError",
    "OutputConflictError",
    "OverloadedError",
    "PhotoMemoryError",
    "PhotoTimeoutError",
    "QuarantinedError",
    "QueueUnavailableError",
    "QuotaExceededError",
    "RateLimitedError",
    "RedactionFailedError",
    "ResultNotReadyError",
    "SchemaMismatchError",
    "StalledRequestError",
    "StorageUnavailableError",
    "StreetveilError",
    "TooLargeError",
    "TooManyPixelsError",
    "UnauthenticatedError",
    "UnavailableError",
    "UndecodableImageError",
    "UnprocessableError",
    "UnreadableFileError",
    "UnsupportedMediaError",
    "UnsupportedMessageError",
    "UnsupportedModelError",
    "UnsupportedPixelFormatError",
    "UnwritableOutputError",
    "WebhookFailedError",
    "WebhookUnreachableError",
    "WorkerLostError",
]
