"""Frames over a real socket, from peers that keep to the format and peers that do not."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from streetveil.isolation.frames import BrokenFrameError, Frame, receive, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_frame_arrives_as_it_was_sent(pair: Pair) -> None:
    ours, theirs = pair
    frames = [Frame({"name": "é", "number": 1.5}, b"\x00" * 3_000_000), Frame({}, b"")]

    def send_all() -> None:
        for frame in frames:
            send(theirs, frame)

    sender = threading.Thread(target=send_all)
    sender.start()
    assert [receive(ours, max_header=100, max_body=3_000_000) for _ in frames] == frames
    sender.join()


@pytest.mark.parametrize(("header", "body"), [(101, 0), (2, 1001), (2**32 - 1, 2**64 - 1)])
def test_a_frame_that_is_longer_than_allowed_is_refused_before_it_comes(pair: Pair, header: int, body: int) -> None:
    ours, theirs = pair
    theirs.sendall(struct.pack("!IQ", header, body))
    with pytest.raises(BrokenFrameError):
        receive(ours, max_header=100, max_body=1000)


def test_a_frame_that_breaks_off_is_told_from_one_that_is_late(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(struct.pack("!IQ", 2, 10) + b"{}" + b"half")
    theirs.close()
    with pytest.raises(EOFError):
        receive(ours, max_header=100, max_body=100)


def test_a_peer_that_dribbles_does_not_put_off_the_deadline(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(struct.pack("!IQ", 2, 10_000) + b"{}")
    over = threading.Event()

    def dribble() -> None:
        while not over.wait(0.02):
            theirs.sendall(b"x")

    dribbling = threading.Thread(target=dribble)
    dribbling.start()
    try:
        with pytest.raises(TimeoutError):
            receive(ours, max_header=100, max_body=10_000, deadline=time.monotonic() + 0.2)
    finally:
        over.set()
        dribbling.join()


def test_a_peer_that_takes_nothing_is_given_up_at_the_deadline(pair: Pair) -> None:
    ours, _ = pair
    with pytest.raises(TimeoutError):
        send(ours, Frame({}, bytes(10_000_000)), deadline=time.monotonic() + 0.2)


def test_nothing_is_begun_after_the_deadline(pair: Pair) -> None:
    ours, theirs = pair
    with pytest.raises(TimeoutError):
        send(ours, Frame({}, b"x"), deadline=time.monotonic() - 1)
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
