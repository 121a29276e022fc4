import io
import json
import logging

import pytest
import structlog

from streetveil.observability.logs import configure_logging


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("uvicorn.access", "uvicorn.error", "alembic")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logged(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_records_and_the_libraries_have_one_form():
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)

    structlog.get_logger("streetveil.jobs").info("job_submitted", job_id="a", size=3)
    logging.getLogger("some.library").warning("disk %s is %d%% full", "sda", 90)

    ours, theirs = logged(stream)
    assert ours | {"timestamp": ""} == {
        "event": "job_submitted",
        "job_id": "a",
        "size": 3,
        "level": "info",
        "logger": "streetveil.jobs",
        "timestamp": "",
    }
    assert ours["timestamp"].endswith("Z")
    assert theirs["event"] == "disk sda is 90% full"
    assert (theirs["level"], theirs["logger"]) == ("warning", "some.library")
    assert theirs.keys() == {"event", "level", "logger", "timestamp"}


def test_context_stands_in_every_line():
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)

    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("a").info("inside")
        logging.getLogger("b").warning("inside too")
    structlog.get_logger("a").info("outside")

    assert [line.get("request_id") for line in logged(stream)] == ["r1", "r1", None]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_records_below_the_level_are_left_out(level):
    stream = io.StringIO()
    configure_logging(level, "json", stream)
    names = ["debug", "info", "warning", "error", "critical"]

    for name in names:
        getattr(structlog.get_logger("a"), name)("ours")
        getattr(logging.getLogger("b"), name)("theirs")

    expected = [name for name in names[names.index(level.lower()) :] for _ in range(2)]
    assert [line["level"] for line in logged(stream)] == expected


@pytest.mark.parametrize("logger", ["ours", "theirs"])
def test_a_traceback_stays_within_its_one_line(logger):
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)

    try:
        int("broken\nin two lines")
    except ValueError:
        if logger == "ours":
            structlog.get_logger("a").exception("crashed")
        else:
            logging.getLogger("a").exception("crashed")

    [line] = logged(stream)
    assert line["event"] == "crashed"
    assert "ValueError: invalid literal" in line["exception"]
    assert "test_logs.py" in line["exception"]


def test_what_a_client_sent_cannot_fake_a_line():
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)

    structlog.get_logger("a").info("upload", filename='x"\n{"event": "fake"}\x1b[31m')
    logging.getLogger("b").warning("upload %s", "y\nz")

    assert [line["event"] for line in logged(stream)] == ["upload", "upload y\nz"]


def test_values_that_are_not_json_are_logged_all_the_same(tmp_path):
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)

    structlog.get_logger("a").info("odd", path=tmp_path, raw=b"\xff", kinds={1}, number=float("nan"), name="\udcff")

    assert str(tmp_path) in logged(stream)[0]["path"]


def test_auto_is_for_people_on_a_terminal_and_json_elsewhere():
    terminal, pipe = Terminal(), io.StringIO()

    configure_logging("INFO", "auto", terminal)
    structlog.get_logger("a").info("hello", answer=42)
    configure_logging("INFO", "auto", pipe)
    structlog.get_logger("a").info("hello", answer=42)

    assert "hello" in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    assert logged(pipe)[0]["answer"] == 42


def test_console_without_a_terminal_has_no_colours():
    stream = io.StringIO()
    configure_logging("INFO", "console", stream)

    structlog.get_logger("a").info("hello", answer=42)

    assert "hello" in stream.getvalue()
    assert "answer=42" in stream.getvalue()
    assert "\x1b[" not in stream.getvalue()


def test_configuring_twice_logs_once():
    first, second = io.StringIO(), io.StringIO()
    configure_logging("INFO", "json", first)
    configure_logging("INFO", "json", second)

    structlog.get_logger("a").info("hello")

    assert first.getvalue() == ""
    assert len(logged(second)) == 1


@pytest.mark.parametrize("name", ["uvicorn.access", "uvicorn.error", "alembic.runtime.migration"])
def test_chatty_libraries_are_heard_from_warning_on(name, monkeypatch):
    monkeypatch.setattr(logging.getLogger(name), "propagate", True)  # a server without an access log turns it off
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)

    logging.getLogger(name).info("one more request")
    logging.getLogger(name).warning("trouble")

    assert [line["event"] for line in logged(stream)] == ["trouble"]


def test_a_stricter_level_holds_for_chatty_libraries_too():
    stream = io.StringIO()
    configure_logging("ERROR", "json", stream)

    logging.getLogger("uvicorn.error").warning("trouble")

    assert stream.getvalue() == ""


def test_lines_go_to_standard_error(capsys):
    configure_logging("INFO", "json")

    structlog.get_logger("a").info("hello")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello"


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_does_not_show_what_variables_hold(form):
    stream = Terminal()
    configure_logging("DEBUG", form, stream)
    held = {number: f"in_a_variable_{number}" for number in range(3)}

    try:
        held[3]
    except KeyError:
        structlog.get_logger("streetveil.jobs").exception("job_crashed")

    assert "KeyError: 3" in stream.getvalue()
    assert held[0] not in stream.getvalue()
