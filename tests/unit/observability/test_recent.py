"""Answers that take a while: asked once, waited for not long, never lost."""

import threading
from itertools import count

from structlog.testing import capture_logs

from streetveil.observability.recent import Recent

SOON = 30.0


def test_an_answer_serves_for_a_while():
    asked = count(1)
    now = [0.0]
    recent = Recent(lambda: next(asked), max_age_s=5, patience_s=SOON, monotonic=lambda: now[0])
    assert [recent.get().value for _ in range(3)] == [1, 1, 1]
    now[0] = 5.0
    assert recent.get() == (2, True)


def test_who_asks_while_it_is_being_answered_does_not_ask_again():
    gate, asked = threading.Event(), []

    def ask():
        asked.append(1)
        assert gate.wait(SOON)
        return "late"

    recent = Recent(ask, max_age_s=100, patience_s=0.0)
    assert [recent.get() for _ in range(5)] == [(None, False)] * 5
    gate.set()
    while not recent.get().fresh:
        pass
    assert recent.get() == ("late", True)
    assert asked == [1]


def test_the_last_answer_is_still_there_while_a_new_one_takes_long():
    now, gate = [0.0], threading.Event()
    gate.set()
    recent = Recent(lambda: gate.wait(SOON) and now[0], max_age_s=1, patience_s=SOON, monotonic=lambda: now[0])
    assert recent.get() == (0.0, True)
    gate.clear()
    now[0] = 7.0
    recent._patience_s = 0.0
    assert recent.get() == (0.0, False)
    gate.set()


def test_where_asking_fails_there_is_no_answer():
    recent = Recent(lambda: 1 / 0, max_age_s=5, patience_s=SOON)
    with capture_logs() as logs:
        assert recent.get() == (None, True)
    assert [entry["event"] for entry in logs] == ["not_answered"]


def test_many_readers_ask_once():
    asked = []

    def ask():
        asked.append(1)
        return "answer"

    recent = Recent(ask, max_age_s=100, patience_s=SOON)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(recent.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [("answer", True)] * 8
    assert asked == [1]
