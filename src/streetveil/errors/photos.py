"""Photos that cannot be decoded or redacted, and the processes that try."""

from __future__ import annotations

from streetveil.errors.kinds import UnavailableError, UnprocessableError, UnsupportedMediaError


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


class DecoderUnavailableError(UnavailableError):
    """No process could be started to work on photos, or it ended for reasons that were not the photo's."""

    code = "decoder_unavailable"
