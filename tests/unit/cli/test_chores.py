"""What a process with workers does beside its jobs."""

from types import SimpleNamespace
from typing import Any

import pytest

from streetveil.cli.chores import chores_of
from streetveil.settings import load_settings


@pytest.mark.parametrize("notify", [None, SimpleNamespace(deliver_due=lambda: "told")])
def test_the_audit_log_is_sealed_whatever_else_takes_hours_or_fails(notify: Any) -> None:
    services: Any = SimpleNamespace(
        worker_id="w1",
        process=SimpleNamespace(heartbeat=lambda: "beat"),
        maintain=SimpleNamespace(run_if_due=lambda holder: f"put right by {holder}", seal_if_due=lambda _: "sealed"),
        notify=notify,
    )
    chores = chores_of(services, load_settings().settings)
    assert [chore.act() for chore in chores if chore.name == "audit"] == ["sealed"]
    assert {chore.name: chore.act() for chore in chores if chore.name != "audit"} == {
        "heartbeat": "beat",
        "maintain": "put right by w1",
        **({"webhooks": "told"} if notify else {}),
    }
