"""The scan for secrets finds what providers give out, says where and never what, and passes over marked lines."""

from pathlib import Path

import pytest
from scripts.scan_secrets import ALLOWED, findings, kept_files

ROOT = Path(__file__).parents[2]

# In two parts, or the scan would find them here.
SECRETS = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo",
    "AWS access key": "AKIA" + "Z7QXWPLM3NRT5VCD",
    "JSON Web Token": "eyJhbGciOiJIUzI1NiIsInR5cCI6" + ".".join(["IkpXVCJ9", "eyJzdWIiOiIxMjM0NTY3ODkw", "A" * 43]),
    "GitHub token": "ghp_" + "a1B2" * 9,
    "PyPI token": "pypi-AgE" + "IcHlwaS5vcmc" * 6,
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_found_by_line_and_kind(kind):
    assert list(findings(f"first line\nvalue = '{SECRETS[kind]}'\n")) == [(2, kind)]


def test_a_line_that_says_it_is_meant_is_passed_over():
    assert list(findings(f"{SECRETS['AWS access key']}  # {ALLOWED}")) == []


def test_ordinary_text_is_no_secret():
    assert list(findings("sha256:" + "ab" * 32 + "\nBEGIN PRIVATE KEY\ntoken = 'x'\nAKIAx eyJ.eyJ.x")) == []


def test_this_repository_has_none():
    files = list(kept_files(ROOT))

    assert ROOT / "pyproject.toml" in files
    found = [(path.relative_to(ROOT).as_posix(), *each) for path in files for each in findings(_text(path))]
    assert found == []


def _text(path):
    return path.read_text("utf-8", "replace")
