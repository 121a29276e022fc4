"""Looks for secrets in the files that git keeps; ends with 1 and names their places where there are some.

Only what can hardly be anything else: keys in PEM form, and the forms in which providers give out theirs. A line that
shows one on purpose, revoked or made up, says so: `pragma: allowlist secret`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ALLOWED = "pragma: allowlist secret"
_MAX_BYTES = 5 * 1024 * 1024

KINDS = {
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*(?:\\n)?[\w+/=]{16}",
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "JSON Web Token": r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}",
    "GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{50,})\b",
    "GitLab token": r"\bglpat-[\w-]{20,}\b",
    "Google API key": r"\bAIza[\w-]{35}\b",
    "PyPI token": r"\bpypi-AgE[\w-]{50,}\b",
    "Hugging Face token": r"\bhf_[A-Za-z]{34}\b",
    "Slack token": r"\bxox[abprs]-[0-9A-Za-z-]{20,}\b",
    "Stripe key": r"\b[rs]k_live_[0-9A-Za-z]{20,}\b",
}
_ANY = re.compile("|".join(f"(?P<k{number}>{pattern})" for number, pattern in enumerate(KINDS.values())))


def findings(text: str) -> Iterator[tuple[int, str]]:
    """The line and the kind of each secret in `text`; never the secret."""
    lines = text.splitlines()
    for match in _ANY.finditer(text):
        line = text.count("\n", 0, match.start())
        if ALLOWED not in lines[line]:
            yield line + 1, list(KINDS)[int((match.lastgroup or "k0")[1:])]


def kept_files(root: Path) -> Iterator[Path]:
    """What git tracks, or would with the next `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout  # noqa: S603  # fixed words
    for name in sorted(set(listed.decode("utf-8", "surrogateescape").split("\0")) - {""}):
        path = root / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= _MAX_BYTES:
            yield path


def main() -> int:
    root = Path(__file__).parents[1]
    found = [
        f"{path.relative_to(root)}:{line}: {kind}"
        for path in kept_files(root)
        for line, kind in findings(path.read_text("utf-8", "replace"))
    ]
    print("\n".join(found) if found else "no secrets found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
