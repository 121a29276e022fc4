"""One child process as its parent sees it: asked about one photo at a time."""

from __future__ import annotations

import socket
import time

from streetveil.domain.options import JobOptions
from streetveil.errors import DecoderCrashedError, PhotoMemoryError, PhotoTimeoutError
from streetveil.imaging.header import ImageHeader
from streetveil.isolation import answers
from streetveil.isolation.frames import BrokenFrameError, Frame, receive, send
from streetveil.jobs.anonymise import Anonymised
from streetveil.redaction.crops import BYTES_PER_PIXEL as CROP_BYTES_PER_PIXEL

_MAX_HEADER = 8 * 1024 * 1024
# A result may be a file without compression of a photo that had been compressed well.
_BYTES_PER_PIXEL = 8
_ROOM = 16 * 1024 * 1024


class ChildEndedError(Exception):
    """The child closed its end without an answer: it has ended, or is about to."""


class Child:
    """What is at the other end of a socket.

    Attributes:
        pid: its process.
        photos: how many it was asked about.
        usable: False from the moment on at which it cannot be trusted to be ready for the next photo.
    """

    def __init__(self, pid: int, peer: socket.socket) -> None:
        self.pid = pid
        self.photos = 0
        self.usable = True
        self._peer = peer

    def attempt(self, data: bytes, options: JobOptions, header: ImageHeader, *, timeout_s: float) -> Anonymised:
        """What the child makes of the photo, whose header is `header`.

        Raises:
            StreetveilError: what it raised on purpose; ChildDefectError: what it raised otherwise.
            PhotoTimeoutError, PhotoMemoryError: it took too long, or too much.
            DecoderCrashedError: its answer makes no sense.
            ChildEndedError: there is no answer.
        """
        deadline = time.monotonic() + timeout_s
        per_pixel = _BYTES_PER_PIXEL + (CROP_BYTES_PER_PIXEL if options.reversible else 0)
        max_body = 2 * len(data) + per_pixel * header.stored.pixels + _ROOM
        self.photos += 1
        self.usable = False
        try:
            send(self._peer, Frame({"options": options.as_dict()}, data), deadline=deadline)
            frame = receive(self._peer, max_header=_MAX_HEADER, max_body=max_body, deadline=deadline)
            self.usable = True
            return answers.read(frame, header)
        except PhotoMemoryError:
            self.usable = False  # it may have come by little of its memory again
            raise
        except TimeoutError:
            raise PhotoTimeoutError(f"Working on this photo took longer than {timeout_s:g} seconds.") from None
        except (EOFError, OSError) as error:
            raise ChildEndedError from error
        except BrokenFrameError as error:
            self.usable = False
            raise DecoderCrashedError(
                f"The process that worked on this photo gave an answer that is none: {error}."
            ) from None

    def waits(self) -> bool:
        """Whether it waits for a photo. One that has ended, or has more to say than it was asked, does not."""
        try:
            self._peer.settimeout(0)
            self._peer.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def closed(self) -> bool:
        """True once it was closed."""
        return self._peer.fileno() < 0

    def close(self) -> None:
        """Closes our end, at which an idle child ends of itself."""
        self._peer.close()
