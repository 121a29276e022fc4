"""`streetveil keys`: makes, rotates, lists and deletes what sealed crops are read with, and tells the audit log."""

import pytest

from streetveil.bootstrap import open_database
from streetveil.domain.audit import AuditAction
from streetveil.errors import ConfigurationError, CropsKeyMissingError
from streetveil.settings import load_settings


@pytest.fixture
def folder(streetveil, tmp_path, monkeypatch):
    monkeypatch.setenv("CROPS_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    assert streetveil("db", "upgrade").exit_code == 0
    return tmp_path / "keys"


def test_a_key_is_made_listed_and_deleted(streetveil, folder):
    made = streetveil("keys", "create", "--tenant", "acme")
    assert made.exit_code == 0, made.output
    key_id = made.stdout.strip()
    assert streetveil("keys", "list").stdout == f"acme\t{key_id}\n"
    assert (folder / "acme.key").read_text() not in made.output
    assert streetveil("keys", "delete", "--tenant", "acme", "--yes").exit_code == 0
    assert streetveil("keys", "list").stdout == ""
    assert not list(folder.iterdir())
    with open_database(load_settings().settings) as database, database.snapshot() as snapshot:
        [told] = snapshot.audit.waiting(10)
    assert (told.action, told.tenant, told.origin) == (AuditAction.DELETE_KEY, "acme", "cli")


def test_a_key_is_rotated_and_what_it_replaced_deleted(streetveil, folder):
    first = streetveil("keys", "create").stdout.strip()
    second = streetveil("keys", "rotate").stdout.strip()
    assert streetveil("keys", "list").stdout == f"default\t{second}\t{first}\n"
    assert streetveil("keys", "delete", "--old", "--yes").exit_code == 0
    assert streetveil("keys", "list").stdout == f"default\t{second}\n"
    with open_database(load_settings().settings) as database, database.snapshot() as snapshot:
        told = [(event.action, event.details) for event in snapshot.audit.waiting(10)]
    assert told == [(AuditAction.ROTATE_KEY, {}), (AuditAction.DELETE_KEY, {"what": "old"})]


def test_nothing_is_deleted_without_a_yes(streetveil, folder):
    streetveil("keys", "create")
    asked = streetveil("keys", "delete")  # and nobody answers
    assert asked.exit_code == 1
    assert "unreadable for ever" in asked.output
    assert (folder / "default.key").exists()


def test_what_cannot_be_done_is_said(streetveil, folder, monkeypatch):
    streetveil("keys", "create")
    assert isinstance(streetveil("keys", "create").exception, ConfigurationError)
    for missing in (("delete", "--yes"), ("delete", "--old", "--yes"), ("rotate",)):
        assert isinstance(streetveil("keys", *missing, "--tenant", "acme").exception, CropsKeyMissingError)
    assert streetveil("keys", "create", "--tenant", "../acme").exit_code == 2
    monkeypatch.delenv("CROPS_KEYS_DIR")
    assert isinstance(streetveil("keys", "list").exception, ConfigurationError)
