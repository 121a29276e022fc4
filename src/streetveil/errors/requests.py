"""What a request must have, and may say."""

from __future__ import annotations

from streetveil.errors.kinds import MalformedRequestError, UnprocessableError


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
