"""What travels through Redis: the id of a job, the version of this format, and the request that it comes from.

A message as an operator finds it in `dramatiq:image_processing_queue.msgs` (docs/queue.md):

    {"queue_name": "image_processing_queue", "actor_name": "process_image", "args": [],
     "kwargs": {"job_id": "01993f0e-...", "version": 1, "context": {"request_id": "..."}},
     "options": {"redis_message_id": "..."}, "message_id": "...", "message_timestamp": 1758000000000}

`options` also holds `eta` (milliseconds since 1970) while a message is delayed, and `deliveries` once a delivery
has failed. `context` holds what observability/carried.py knows; it may be missing, and no result depends on it.
A worker refuses versions that it does not know, so that a field can change its meaning without a job being worked on
wrongly while old and new workers run side by side. Fields that it does not know it passes over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dramatiq
from dramatiq.errors import DecodeError

from streetveil.errors import MalformedMessageError, UnsupportedMessageError
from streetveil.observability.carried import carried, sound

QUEUE = "image_processing_queue"
ACTOR = "process_image"
VERSION = 1

_MAX_ID_LENGTH = 64
# Options of Dramatiq that we do not use (results, callbacks, pipelines) stay without effect, whoever wrote them.
_OPTIONS = frozenset({"redis_message_id", "eta", "deliveries"})


def job_message(job_id: str) -> dramatiq.Message[None]:
    """The message that asks for a job to be worked on; it takes along what is in force where it is made."""
    fields: dict[str, object] = {"job_id": job_id, "version": VERSION}
    if context := carried():
        fields["context"] = context
    return dramatiq.Message(queue_name=QUEUE, actor_name=ACTOR, args=(), kwargs=fields, options={})


def job_id_of(fields: Mapping[str, object]) -> str:
    """The id in a message's `kwargs`. Fields that this version does not know are passed over.

    Raises:
        UnsupportedMessageError: the message was written by a newer version of the program.
        MalformedMessageError: it holds no job's id.
    """
    version, job_id = fields.get("version"), fields.get("job_id")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise MalformedMessageError("A queue message names no version of its format.")
    if version > VERSION:
        raise UnsupportedMessageError(
            f"A queue message has format {version}, this worker knows formats up to {VERSION}. Update the workers."
        )
    if not isinstance(job_id, str) or not 0 < len(job_id) <= _MAX_ID_LENGTH:
        raise MalformedMessageError("A queue message names no job.")
    return job_id


def context_of(fields: Mapping[str, object]) -> dict[str, str]:
    """What a message's `kwargs` say of the request that it comes from."""
    return sound(fields.get("context"))


def decode(data: bytes | None, queue_name: str) -> dramatiq.Message[Any] | None:
    """A message fetched from `queue_name`; None where Dramatiq's threads could not handle it."""
    if data is None:
        return None
    try:
        message: dramatiq.Message[Any] = dramatiq.Message.decode(data)
    except DecodeError:
        return None
    sound = (
        message.queue_name == queue_name
        and isinstance(message.actor_name, str)
        and isinstance(message.kwargs, dict)
        and isinstance(message.options, dict)
        and isinstance(message.options.get("redis_message_id"), str)
    )
    if not sound:
        return None
    options = {name: value for name, value in message.options.items() if name in _OPTIONS}
    return dramatiq.Message(**message.asdict() | {"options": options})
