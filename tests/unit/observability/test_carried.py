import pytest
import structlog

from streetveil.observability.carried import carried, carrying, sound

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_only_request_and_trace_are_taken_along():
    with structlog.contextvars.bound_contextvars(request_id="r", traceparent=TRACEPARENT, tenant="ann", job_id="j"):
        taken = carried()
    assert taken == {"request_id": "r", "traceparent": TRACEPARENT}
    with carrying(taken):
        assert structlog.contextvars.get_contextvars() == taken
    assert carried() == {}


@pytest.mark.parametrize(
    "context",
    [
        None,
        "request_id",
        ["request_id"],
        {"request_id": None},
        {"request_id": 'x" 1\n'},
        {"request_id": "x" * 129},
        {"request_id": {"a": "b"}},
        {"traceparent": TRACEPARENT.upper()},
        {"traceparent": TRACEPARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)},
        {"traceparent": f"{TRACEPARENT}-more"},
        {"job_id": "another"},
        {"event": "fake"},
    ],
)
def test_what_others_wrote_is_left_out_where_it_is_not_as_it_must_be(context):
    assert sound(context) == {}
