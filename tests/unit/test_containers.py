"""The Dockerfile and the compose files are accepted by the programs that read them, and keep their promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


def run(program, *arguments):
    return subprocess.run([PROGRAMS / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def services():
    """Every service of docker-compose.yml, with all that is inherited and defaulted."""
    shown = run("docker-compose", "--profile", "*", "config", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["services"]


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("docker-compose*.yml")))
def test_a_compose_file_is_valid(file):
    checked = run("docker-compose", "-f", file, "config", "-q")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_dockerfile_has_no_lint():
    checked = run("hadolint", "Dockerfile")
    assert (checked.returncode, checked.stdout) == (0, "")


def test_images_of_others_have_a_version(services):
    others = {name: service["image"] for name, service in services.items() if "build" not in service}
    assert others.keys() >= {"mysql", "redis", "s3", "k6"}
    for image in others.values():
        assert image.partition(":")[2].removeprefix("v")[:1].isdigit(), image


def test_nothing_listens_beyond_this_machine(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_what_is_ours_cannot_write_to_its_own_files_nor_gain_rights(services):
    ours = [service for service in services.values() if "build" in service]
    assert len(ours) >= 4
    for service in ours:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "user" not in service  # the image names one that is not root
    assert "USER 10001:10001" in (ROOT / "Dockerfile").read_text("utf-8")


def test_photos_are_not_sent_before_the_service_can_take_them(services):
    assert services["k6"]["depends_on"]["api"]["condition"] == "service_healthy"
    assert services["k6"]["profiles"] == ["load"]
    for name in ("api", "worker"):
        waits_for = services[name]["depends_on"]
        assert waits_for["migrate"]["condition"] == "service_completed_successfully"
        assert waits_for["models"]["condition"] == "service_completed_successfully"


def test_only_what_the_image_needs_is_sent_to_its_build():
    lines = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    for wanted in (line.removeprefix("!") for line in rules if line.startswith("!")):
        assert (ROOT / wanted).exists()
        assert wanted not in {".env", "data"}
