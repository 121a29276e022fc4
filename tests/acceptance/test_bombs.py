"""Files that unpack to much more than they are cost no memory to speak of, whatever is kept of their metadata."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_MIB = 64


def test_no_file_that_unpacks_to_much_fills_the_memory():
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.bombs"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert run.returncode == 0, run.stderr[-3000:]
    lines = [line.split(" | ") for line in run.stdout.splitlines()]
    assert len(lines) == 9 * 3
    for name, policy, _, came, grown in lines:
        assert came in {"redacted", "undecodable_image"}, (name, policy)
        assert int(grown) < MOST_MIB, (name, policy)
