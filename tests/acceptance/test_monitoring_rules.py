"""Alerts fire when they should, and whoever is called knows what to do: judged by Prometheus' own tool."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from tests.support.servers import program

from streetveil.observability.families import FAMILIES

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
RULES = sorted((MONITORING / "rules").glob("*.yml"))
RULE_TESTS = sorted((MONITORING / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks.md"
# What Prometheus itself, and the exporters of docker-compose.yml, tell.
FOREIGN = re.compile(r"up$|(probe|node|redis|mysql|alertmanager)_")
NAME = re.compile(r"[a-zA-Z_][\w:]*")


@cache
def rules():
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def promtool(*arguments):
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_prometheus_accepts_the_rules():
    promtool("check", "rules", *map(str, RULES))


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_not_before(path):
    promtool("test", "rules", str(path))


def test_each_alert_has_a_case_that_fires_and_one_that_does_not():
    fires: set[str] = set()
    silent: set[str] = set()
    for path in RULE_TESTS:
        for case in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            assert case["input_series"]
            for moment in case["promql_expr_test"]:
                [name] = re.findall(r'ALERTS\{alertname="(\w+)",alertstate="firing"\}', moment["expr"])
                (fires if moment["exp_samples"] else silent).add(name)
    assert fires == silent == alerts().keys()


def anchors():
    """The anchors that a page on GitHub, and most others, has for its headings."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOKS.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", sorted(alerts()))
def test_whoever_is_called_knows_how_bad_it_is_and_what_to_do(name):
    rule = alerts()[name]

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["labels"].get("role", "cause") in {"cause", "symptom"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert ROOT / page == RUNBOOKS
    assert anchor == name.lower()
    assert anchor in anchors()


def test_no_runbook_is_left_of_an_alert_that_is_gone():
    headings = re.findall(r"^### (.+)$", RUNBOOKS.read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(alerts())


def known_metrics():
    """Every name under which Prometheus knows something of ours, and every record of the rules."""
    suffixes = ("_bucket", "_sum", "_count")
    ours = {family.name + end for family in FAMILIES for end in (suffixes if family.kind == "histogram" else ("",))}
    return ours | {rule["record"] for rule in rules() if "record" in rule}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_is_about_metrics_that_exist(rule):
    expression = re.sub(r'"[^"]*"', "", rule["expr"])
    asked = {name for name in NAME.findall(expression) if re.match("streetveil|model:", name) or FOREIGN.match(name)}

    assert asked
    assert {name for name in asked if not FOREIGN.match(name)} <= known_metrics()


def test_only_codes_that_blame_the_photo_are_kept_out_of_the_error_budget():
    [expression] = [
        rule["expr"]
        for rule in rules()
        if rule.get("record") == "streetveil:slo_errors:rate5m" and rule["labels"] == {"slo": "jobs"}
    ]
    [codes] = re.findall(r'code!~"([^"]+)"', expression)
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    refusals = set(re.findall(r"^\| `(\w+)` \| (?:415|422) \|", text, re.MULTILINE))
    assert set(codes.split("|")) <= refusals
