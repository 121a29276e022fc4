"""What docs/security.md says is shown by a test is shown by one that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w./-]+)`")


def threats():
    model = PAGE.partition("## Threat model")[2].partition("\n## ")[0]
    rows = [line for line in model.splitlines() if line.startswith("| ")]
    return [row.strip("| ").split(" | ") for row in rows if len(row.split(" | ")) == 4 and "shown by" not in row]


def test_every_test_that_is_named_exists():
    missing = [name for name in NAMED.findall(PAGE) if not (ROOT / name).exists()]

    assert len(NAMED.findall(PAGE)) > 20
    assert missing == []


def test_every_threat_names_what_shows_it():
    assert len(threats()) >= 20
    assert [row[1] for row in threats() if not NAMED.search(row[3])] == []
