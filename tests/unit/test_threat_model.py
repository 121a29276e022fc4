"""What docs/threat-model.md says is shown by a test is shown by one that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w./-]+)`")


def threats():
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[-1] != "shown by"]


def test_every_test_that_is_named_exists():
    assert [name for name in NAMED.findall(PAGE) if not (ROOT / name).exists()] == []


def test_every_threat_names_what_shows_it():
    assert len(threats()) >= 20
    assert [row[1] for row in threats() if not NAMED.search(row[-1])] == []
