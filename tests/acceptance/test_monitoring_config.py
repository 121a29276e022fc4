"""Prometheus accepts how it is told to look for the service, and finds all of it and nothing else."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.support.servers import program

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
POD = "__meta_kubernetes_pod_"


def promtool(*arguments):
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_prometheus_accepts_the_configuration_of_the_compose_file():
    assert "SUCCESS" in promtool("check", "config", str(MONITORING / "prometheus.yml"))


def test_all_that_is_looked_for_runs_in_the_compose_file():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text("utf-8"))
    jobs = config["scrape_configs"]
    named = [name for job in jobs for found in job.get("dns_sd_configs", []) for name in found["names"]]
    targets = [target for job in jobs for group in job.get("static_configs", []) for target in group["targets"]]
    hosts = {target.removeprefix("http://").partition(":")[0] for target in targets} - {"localhost"}

    assert set(named) | hosts | {"blackbox"} <= services.keys()
    assert services["worker"]["environment"]["HEALTH_PORT"] == "8001"
    for name in ("prometheus", "alertmanager", "grafana", "blackbox"):
        for volume in services[name]["volumes"]:
            assert not volume.startswith("./") or (ROOT / volume.partition(":")[0]).exists(), volume


def pod(port, *, name="", phase="Running"):
    """What Kubernetes says of a port of a pod."""
    return {
        f"{POD}name": "pod-7",
        f"{POD}node_name": "node-1",
        f"{POD}phase": phase,
        f"{POD}container_port_name": port,
        f"{POD}label_app_kubernetes_io_name": name,
    }


FOUND = [
    ("streetveil-api", "10.0.0.1:8000", pod("http")),
    ("streetveil-api", "10.0.0.2:5005", pod("debug")),
    ("streetveil-worker", "10.0.0.3:8001", pod("health")),
    ("streetveil-worker", "10.0.0.4:8001", pod("health", phase="Succeeded")),
    ("blackbox", "photos.example", {"__meta_kubernetes_ingress_scheme": "https"}),
    ("exporters", "10.0.0.5:9100", pod("metrics", name="prometheus-node-exporter")),
    ("exporters", "10.0.0.6:9121", pod("redis-exporter", name="prometheus-redis-exporter")),
    ("exporters", "10.0.0.7:9104", pod("mysql-exporter", name="prometheus-mysql-exporter")),
    ("exporters", "10.0.0.8:9100", pod("metrics", name="another-program")),
]


def kubernetes():
    return yaml.safe_load((MONITORING / "prometheus-kubernetes.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """By what was found in a cluster: the labels it gets; None where it is left out.

    Debian's build of Prometheus knows no Kubernetes; all but the talking to it is done as it stands.
    """
    folder = tmp_path_factory.mktemp("prometheus")
    running = []
    for job in kubernetes()["scrape_configs"]:
        if job.pop("kubernetes_sd_configs", None) is None:
            continue
        name = job["job_name"]
        job.pop("authorization", None)  # its token is not here
        job["static_configs"] = [{"targets": [at], "labels": meta} for of, at, meta in FOUND if of == name]
        file = folder / f"{name}.yml"
        file.write_text(json.dumps({"scrape_configs": [job]}), "utf-8")
        look = ["check", "service-discovery", "--timeout=3s", str(file), name]  # it waits for as long as it may
        running.append(subprocess.Popen([program("promtool"), *look], stdout=subprocess.PIPE, text=True))
    answers = [answer for process in running for answer in json.loads(process.communicate(timeout=60)[0])]
    return {
        answer["discoveredLabels"]["__address__"]: {
            name: value
            for name, value in answer["labels"].items()
            if not name.startswith("__") or name in {"__address__", "__param_target"}
        }
        or None
        for answer in answers
    }


def test_the_rest_of_the_configuration_for_kubernetes_is_accepted(tmp_path):
    config = kubernetes()
    for job in config["scrape_configs"]:
        job.pop("kubernetes_sd_configs", None)
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    promtool("check", "config", "--syntax-only", str(file))


def test_kubernetes_is_asked_for_the_pods_of_each_component():
    asked = {job["job_name"]: job.get("kubernetes_sd_configs") for job in kubernetes()["scrape_configs"]}
    for component in ("api", "worker"):
        [pods] = asked[f"streetveil-{component}"]
        assert pods["role"] == "pod"
        assert pods["namespaces"] == {"names": ["streetveil"]}
        label = f"app.kubernetes.io/name=streetveil,app.kubernetes.io/component={component}"
        assert pods["selectors"] == [{"role": "pod", "label": label}]


def test_all_that_was_found_is_accounted_for(targets):
    assert targets.keys() == {address for _, address, _ in FOUND}


def test_pods_are_found_by_the_name_of_their_port(targets):
    assert targets["10.0.0.1:8000"] == {
        "__address__": "10.0.0.1:8000",
        "instance": "10.0.0.1:8000",
        "job": "streetveil-api",
        "pod": "pod-7",
        "node": "node-1",
    }
    assert targets["10.0.0.3:8001"]["job"] == "streetveil-worker"
    assert targets["10.0.0.2:5005"] is None
    assert targets["10.0.0.4:8001"] is None


def test_host_names_are_probed_as_clients_call_them(targets):
    url = "https://photos.example/health/live"
    assert targets["photos.example"] == {
        "__address__": "blackbox:9115",
        "__param_target": url,
        "instance": url,
        "job": "blackbox",
    }


def test_exporters_have_the_names_that_the_rules_know(targets):
    jobs = [targets[f"10.0.0.{number}"]["job"] for number in ("5:9100", "6:9121", "7:9104")]
    assert jobs == ["node", "redis", "mysql"]
    assert targets["10.0.0.8:9100"] is None
