"""Alertmanager tells the right people, once: judged by its own tool, and by itself."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.acceptance.conftest import wait_for
from tests.support.http_stub import Answer, HttpStub
from tests.support.servers import Server, program

CONFIG = Path(__file__).parents[2] / "monitoring" / "alertmanager.yml"
DEPENDENCY_DOWN = {"alertname": "StreetveilDependencyDown", "severity": "critical", "role": "cause"}
FAST_BURN = {"alertname": "StreetveilErrorBudgetBurnFast", "severity": "critical", "slo": "requests"}
OVERDUE = {"alertname": "StreetveilOldestJobOverdue", "severity": "critical", "role": "symptom"}


def amtool(*arguments):
    return subprocess.run([program("amtool"), *arguments], capture_output=True, text=True, check=False)


def test_alertmanager_accepts_its_configuration():
    checked = amtool("check-config", str(CONFIG))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["environment=production", "severity=critical", "alertname=StreetveilNoWorker"], "page"),
        (["environment=production", "severity=warning", "alertname=StreetveilDiskFullSoon"], "ticket"),
        (["alertname=SomebodyElses"], "ticket"),
        (["environment=development", "severity=critical", "alertname=StreetveilNoWorker"], "nobody"),
        (["environment=production", "severity=critical", "alertname=StreetveilNotificationsFail"], "ticket,page"),
    ],
    ids=["at night", "in the morning", "without a severity", "in development", "by all ways"],
)
def test_alerts_reach_those_who_must_know(labels, receiver):
    routed = amtool("config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}", *labels)
    assert routed.returncode == 0, routed.stdout + routed.stderr


class Alertmanager(Server):
    """In a hurry, with its receivers' addresses in a folder of its own."""

    def __init__(self, folder, addresses):
        super().__init__(folder)
        (folder / "receivers").mkdir()
        for name, url in addresses.items():
            (folder / "receivers" / name).write_text(f"{url}\n", "utf-8")
        config = CONFIG.read_text("utf-8").replace("/etc/alertmanager/", f"{folder}/")
        config = re.sub(r"group_wait: \d+s", "group_wait: 0s", config)
        (folder / "alertmanager.yml").write_text(config, "utf-8")

    def command(self):
        at = [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        files = [f"--config.file={self.folder}/alertmanager.yml", f"--storage.path={self.folder}"]
        return [program("prometheus-alertmanager"), *files, *at]


@pytest.fixture(scope="module")
def people():
    """What takes messages as Slack does."""
    with HttpStub(lambda _: Answer(body=b"ok")) as stub:
        yield stub


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory, people):
    addresses = {name: f"{people.endpoint}/{name}" for name in ("page", "ticket")}
    with Alertmanager(tmp_path_factory.mktemp("alertmanager"), addresses) as server:
        yield server


def test_people_are_told_what_is_wrong_and_what_to_do(alertmanager, people):
    said = {"summary": "Photos wait", "description": "For a minute.", "runbook_url": "docs/runbooks.md#x"}

    def alert(name, severity, environment):
        labels = {"alertname": name, "severity": severity, "environment": environment}
        url = f"http://127.0.0.1:{alertmanager.port}/api/v2/alerts"
        httpx.post(url, json=[{"labels": labels, "annotations": said}]).raise_for_status()

    alert("Tried", "critical", "development")
    alert("Urgent", "critical", "production")
    alert("Late", "warning", "production")

    wait_for(lambda: len(people.requests) >= 2, "two messages")
    told = {request.path: json.loads(request.body)["attachments"] for request in people.requests}
    assert len(people.requests) == len(told) == 2
    for path, title in (("/page", "Urgent (production)"), ("/ticket", "Late (production)")):
        [message] = told[path]
        assert message["title"] == title
        for words in said.values():
            assert words in message["text"]


@pytest.mark.parametrize(
    ("cause", "other", "silenced"),
    [
        (DEPENDENCY_DOWN, OVERDUE, True),
        (DEPENDENCY_DOWN, FAST_BURN, False),
        (
            DEPENDENCY_DOWN | {"alertname": "StreetveilSchemaMismatch", "dependency": "database"},
            DEPENDENCY_DOWN | {"dependency": "database"},
            True,
        ),
        (
            DEPENDENCY_DOWN | {"alertname": "StreetveilSchemaMismatch", "dependency": "database"},
            DEPENDENCY_DOWN | {"dependency": "storage"},
            False,
        ),
        (
            DEPENDENCY_DOWN | {"alertname": "StreetveilApiAbsent"},
            {"alertname": "StreetveilInstanceDown", "severity": "critical", "job": "streetveil-api"},
            True,
        ),
        (
            DEPENDENCY_DOWN | {"alertname": "StreetveilApiAbsent"},
            {"alertname": "StreetveilInstanceDown", "severity": "critical", "job": "streetveil-worker"},
            False,
        ),
        (FAST_BURN, FAST_BURN | {"alertname": "StreetveilErrorBudgetBurnSlow", "severity": "warning"}, True),
        (FAST_BURN, {"alertname": "StreetveilErrorBudgetBurnSlow", "severity": "warning", "slo": "jobs"}, False),
        (
            {"alertname": "StreetveilCertificateExpiresNow", "severity": "critical", "instance": "a"},
            {"alertname": "StreetveilCertificateExpiresSoon", "severity": "warning", "instance": "a"},
            True,
        ),
        (
            {"alertname": "StreetveilDiskExhausted", "severity": "critical", "instance": "a", "mountpoint": "/"},
            {"alertname": "StreetveilDiskFullSoon", "severity": "warning", "instance": "a", "mountpoint": "/data"},
            False,
        ),
    ],
    ids=[
        "waiting, for want of a database",
        "failing requests are always told",
        "of the schema, not of the database that has it",
        "another dependency is told",
        "all of the API is gone, not each process",
        "a worker is told all the same",
        "the faster burn",
        "another budget is told",
        "the nearer end of a certificate",
        "another disk is told",
    ],
)
def test_who_knows_the_cause_is_not_told_of_its_symptoms(alertmanager, request, cause, other, silenced):
    place = {"environment": request.node.name}
    url = f"http://127.0.0.1:{alertmanager.port}/api/v2/alerts"
    for alert in (other, cause):
        httpx.post(url, json=[{"labels": alert | place}]).raise_for_status()

    answer = httpx.get(url, params={"filter": [f'alertname="{other["alertname"]}"']}).json()
    [state] = [alert["status"] for alert in answer if alert["labels"] == other | place]
    assert (state["state"] == "suppressed") is silenced
    assert bool(state["inhibitedBy"]) is silenced
