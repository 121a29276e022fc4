"""Dashboards fit on a screen, and everything on them shows something of a service that works."""

import base64
import json
import math
import secrets
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import httpx
import pytest
import yaml
from tests.acceptance.conftest import wait_for
from tests.support.chaos.cluster import Cluster, Shape
from tests.support.servers import Server, program
from tests.support.webhook_receiver import receiver, status

MONITORING = Path(__file__).parents[2] / "monitoring"
DASHBOARDS = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (MONITORING / "grafana" / "dashboards").glob("*.json")
}
EXPRESSIONS = {
    f"{name}: {panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "10s")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel["targets"]
}
MAY_BE_EMPTY = {
    "workers-and-models: GPU A": "there may be no GPU",
    "workers-and-models: GPU B": "there may be no GPU",
    "privacy-quality: Mean score against its week B": "there is no week of the past",
}
PATIENCE_S = 90
SECRET = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


class Prometheus(Server):
    """With the configuration of the compose file, on other targets, in a hurry."""

    def __init__(self, folder, targets, token):
        super().__init__(folder)
        (folder / "rules").mkdir()
        for path in (MONITORING / "rules").glob("*.yml"):
            rules = yaml.safe_load(path.read_text("utf-8"))
            for group in rules["groups"]:
                group.pop("interval", None)
            (folder / "rules" / path.name).write_text(yaml.safe_dump(rules), "utf-8")
        config = yaml.safe_load((MONITORING / "prometheus.yml").read_text("utf-8"))
        del config["alerting"]
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in targets]
        for job in config["scrape_configs"]:
            del job["dns_sd_configs"]
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
            if job["job_name"] == "streetveil-api":
                (folder / "token").write_text(token, "utf-8")
                job["authorization"] = {"credentials_file": "token"}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=30)

    def command(self):
        files = [f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data"]
        return [program("prometheus"), *files, f"--web.listen-address=127.0.0.1:{self.port}"]

    def stop(self):
        self.api.close()
        super().stop()

    def values(self, expression):
        """What a panel would draw now; nothing for what is no number."""
        answer = self.api.get("/query", params={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found = [float(sample["value"][1]) for sample in answer["data"]["result"]]
        return [value for value in found if not math.isnan(value)]


def token_for(cluster, subject, scopes):
    made = cluster.run("token", "create", "--subject", subject, "--scopes", scopes)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, environment, bus, small_photo):
    """Watches an API and a worker, over real servers, while photos are sent; and what panels showed then."""
    # A good photo, one with vehicles, one that breaks off, so that its job fails, and what is refused.
    photos = [small_photo.read_bytes(), bus.read_bytes(), small_photo.read_bytes()[:20_000], b"no photo"]
    folder = tmp_path_factory.mktemp("monitoring")
    # As in production: metrics take a token.
    settings = {"AUTH_MODE": "jwt", "JWT_SECRET": secrets.token_hex(32)}
    # And whoever sends a photo is told how it went.
    settings |= {"WEBHOOK_SECRET": SECRET, "WEBHOOK_ALLOW_HTTP": "true", "WEBHOOK_ALLOW_PRIVATE": "true"}
    shape = Shape(apis=1, workers=1, settings=settings)
    with Cluster(folder / "service", shape, environment) as cluster, receiver(status(204)) as told:
        [api], [worker] = cluster.urls, cluster.health_urls
        targets = {"streetveil-api": api.removeprefix("http://"), "streetveil-worker": worker.removeprefix("http://")}
        sender = {"Authorization": f"Bearer {token_for(cluster, 'camera', 'upload')}"}

        def send(photo):
            files, data = {"file": ("street.jpg", photo)}, {"webhook_url": f"http://127.0.0.1:{told.port}"}
            httpx.post(f"{api}/upload", files=files, data=data, headers=sender, timeout=60)

        watcher = token_for(cluster, "prometheus", "metrics")
        with Prometheus(folder / "prometheus", targets, watcher) as server, ThreadPoolExecutor(3) as senders:
            shown: dict[str, list[float]] = {}
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline and not EXPRESSIONS.keys() - MAY_BE_EMPTY <= shown.keys():
                list(senders.map(send, photos))
                now = {name: server.values(EXPRESSIONS[name]) for name in EXPRESSIONS.keys() - shown.keys()}
                shown |= {name: values for name, values in now.items() if values}
            token = {"Authorization": f"Bearer {watcher}"}
            pages = [httpx.get(f"{url}/metrics", headers=token).text for url in (api, worker)]
            yield server, shown, pages


@pytest.mark.parametrize("process", ["api", "worker"])
def test_prometheus_own_tool_has_nothing_to_say_of_the_metrics(prometheus, process):
    *_, (of_api, of_worker) = prometheus
    page = of_api if process == "api" else of_worker
    assert "streetveil_build_info" in page
    command = [program("promtool"), "check", "metrics"]
    checked = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("name", sorted(EXPRESSIONS.keys() - MAY_BE_EMPTY))
def test_a_panel_shows_something_of_a_service_at_work(prometheus, name):
    _, shown, _ = prometheus
    assert shown.get(name), EXPRESSIONS[name]


def test_what_is_shown_is_what_happened(prometheus):
    server, *_ = prometheus

    def shows(panel, right):
        # Rules see it a moment after the panels of counters, and a scrape may have come too late.
        wait_for(lambda: [value for value in server.values(EXPRESSIONS[panel]) if right(value)], panel)

    shows("workers-and-models: Workers A", lambda value: value == 1)
    shows("service-overview: Dependencies that fail A", lambda value: value == 0)
    shows("service-overview: Success A", lambda value: 0 < value < 1)
    shows("privacy-quality: Photos with a face A", lambda value: value == 1)
    shows("limits-webhooks-audit: Webhooks accepted A", lambda value: value == 1)


def test_nothing_may_be_empty_that_is_not_there():
    assert MAY_BE_EMPTY.keys() <= EXPRESSIONS.keys()


def test_all_rules_can_be_evaluated_on_what_the_service_tells(prometheus):
    server, *_ = prometheus
    groups = server.api.get("/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 40
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}


def test_there_is_a_dashboard_for_each_question():
    questions = {"service-overview", "workers-and-models", "privacy-quality", "limits-webhooks-audit"}
    assert DASHBOARDS.keys() == questions
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_a_dashboard_is_one_screen_and_says_what_it_shows(name):
    panels = DASHBOARDS[name]["panels"]
    places = [panel["gridPos"] for panel in panels]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
    # Grafana's rows are 38 pixels high: with its own head 20 of them fill a screen of 1080.
    assert max(place["y"] + place["h"] for place in places) <= 20
    assert max(place["x"] + place["w"] for place in places) <= 24
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


def test_dashboards_ask_the_data_source_that_is_provisioned():
    sources = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    [source] = sources["datasources"]
    asked = {panel["datasource"]["uid"] for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]}
    assert asked == {source["uid"]}
