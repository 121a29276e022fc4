"""What a child answers, as frames: the redacted photo, a deliberate error, memory that ran out, or a defect."""

from __future__ import annotations

from typing import Any, TypeVar

from streetveil.errors import PhotoMemoryError, StreetveilError
from streetveil.imaging.header import ImageHeader
from streetveil.isolation import measured
from streetveil.isolation.frames import BrokenFrameError, Frame
from streetveil.jobs.anonymise import Anonymised
from streetveil.redaction.base import RedactedFile

_Value = TypeVar("_Value")

# How libraries in C name what Python calls a MemoryError.
_OUT_OF_MEMORY = ("memory", "bad_alloc", "bad alloc", "allocat")
_LONGEST_SENTENCE = 500
_LONGEST_TRACEBACK = 20_000


class ChildDefectError(Exception):
    """A child met an error that nobody raises on purpose; the text is its traceback there."""


def of_result(result: Anonymised) -> Frame:
    """The frame of a redacted photo. Its header is not in it: the parent has read that itself."""
    done = {
        "lossless": result.file.lossless,
        "reason": result.file.reason,
        "blur_metadata": result.blur_metadata,
        "detection_metadata": result.detection_metadata,
        "needs_review": result.needs_review,
        "measured": measured.as_dict(result.measured),
    }
    if result.crops is None:
        return Frame({"done": done}, result.file.data)
    # Behind the file.
    return Frame({"done": done | {"crops": len(result.crops)}}, result.file.data + result.crops)


def of_error(error: Exception, traceback: str) -> Frame:
    """The frame of whatever was raised instead."""
    if _lacks_memory(error):
        return Frame({"memory": True}, b"")
    if isinstance(error, StreetveilError):
        return Frame({"error": {"code": error.code, "detail": error.detail}}, b"")
    return Frame({"defect": traceback[-_LONGEST_TRACEBACK:]}, b"")


def read(frame: Frame, header: ImageHeader) -> Anonymised:
    """What the child made of the photo with that header.

    Raises:
        StreetveilError: what the child raised.
        PhotoMemoryError: it ran out of memory.
        ChildDefectError: it met an error of ours.
        BrokenFrameError: this is no answer.
    """
    match frame.header:
        case {"done": dict(done)}:
            reason = done.get("reason")
            file, crops = _parts(frame.body, done.get("crops"))
            return Anonymised(
                file=RedactedFile(
                    file,
                    lossless=_checked(done, "lossless", bool),
                    reason=None if reason is None else _sentence(reason),
                ),
                header=header,
                blur_metadata=_checked(done, "blur_metadata", dict),
                detection_metadata=_checked(done, "detection_metadata", dict),
                needs_review=_checked(done, "needs_review", bool),
                crops=crops,
                measured=measured.read(done.get("measured")),
            )
        case {"error": {"code": str(code), "detail": detail}}:
            raise error_of(code, _sentence(detail))
        case {"memory": True}:
            raise PhotoMemoryError("Working on this photo takes more memory than a photo may have.")
        case {"defect": str(traceback)}:
            raise ChildDefectError(_printable(traceback[-_LONGEST_TRACEBACK:]))
    raise BrokenFrameError("no answer")


def _parts(body: bytes, crops: object) -> tuple[bytes, bytes | None]:
    """The file and, where so many bytes of them are told of, the crops behind it."""
    if crops is None:
        return body, None
    if not isinstance(crops, int) or isinstance(crops, bool) or not 0 < crops < len(body):
        raise BrokenFrameError("crops of no length")
    return body[:-crops], body[-crops:]


def _checked(values: dict[str, Any], name: str, kind: type[_Value]) -> _Value:
    value = values.get(name)
    if not isinstance(value, kind):
        raise BrokenFrameError(f"{name} is no {kind.__name__}")
    return value


def _sentence(value: object) -> str:
    if not isinstance(value, str):
        raise BrokenFrameError("a sentence that is no text")
    return _printable(value[:_LONGEST_SENTENCE])


def _printable(text: str) -> str:
    """Without what could end a log's line or reach a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)


def error_of(code: str, detail: str) -> StreetveilError:
    """The error that another process raised.

    Raises:
        BrokenFrameError: none has this code.
    """
    for kind in StreetveilError.kinds():
        if kind.code == code:
            return kind(detail)
    raise BrokenFrameError("an error that nobody knows")


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether this error, or one behind it, says that no memory was to be had."""
    while error is not None:
        if isinstance(error, MemoryError) or any(word in str(error).lower() for word in _OUT_OF_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False
