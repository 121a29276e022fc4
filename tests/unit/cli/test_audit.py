"""`streetveil audit`, on the log of an embedded service."""

import hashlib
import io
import json
import sqlite3

import pytest
from tests.unit.cli.conftest import OneFaceOneCar

from streetveil import bootstrap
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.audit import Actor
from streetveil.domain.options import JobOptions
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymiser
from streetveil.jobs.submit import Upload
from streetveil.redaction.pixels import PixelRedactor
from streetveil.settings import Settings

ANN = Actor("ann", DEFAULT_TENANT, "192.0.2.0/24")


@pytest.fixture
def erased(streetveil, photo, tmp_path):
    """The id of a job that was erased."""
    content = photo("street.png").read_bytes()
    anonymiser = Anonymiser(OneFaceOneCar(), PixelRedactor(), max_pixels=10**6)
    with bootstrap.open_services(Settings.model_validate({"data_dir": tmp_path / "data"}), anonymiser) as services:
        header = Picture.open(content, max_pixels=10**6).header
        upload = Upload("street.png", io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest(), header)
        job = services.submit(upload, JobOptions(), tenant=DEFAULT_TENANT, by=ANN)
        services.process(job.id)
        services.erase(job.id, tenant=DEFAULT_TENANT, by=ANN)
        services.maintain.recover()
    return job.id


@pytest.fixture
def write(tmp_path):
    def execute(statement):
        with sqlite3.connect(tmp_path / "data" / "streetveil.db") as connection:
            connection.execute("DROP TRIGGER IF EXISTS audit_log_no_update")
            connection.execute("DROP TRIGGER IF EXISTS audit_log_no_delete")
            connection.execute(statement)
        connection.close()

    return execute


def test_a_log_that_nobody_changed_verifies(streetveil, erased):
    result = streetveil("audit", "verify")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        0,
        "4 records after 0, no faults; 0 events wait to be sealed.",
    )
    assert result.stdout.splitlines()[1] == f"head {streetveil('audit', 'head').stdout.strip()}"


def test_a_log_that_was_changed_does_not(streetveil, erased, write):
    write("UPDATE audit_log SET actor = 'bob' WHERE number = 3")
    result = streetveil("audit", "verify")
    assert result.exit_code == 1
    assert "record 3: was changed after it was sealed" in result.stdout


def test_nor_does_one_whose_end_was_cut_off_for_who_noted_it(streetveil, erased, write):
    head = streetveil("audit", "head").stdout.strip()
    assert streetveil("audit", "verify", "--head", head).exit_code == 0
    write("DELETE FROM audit_log WHERE number = 4")
    assert streetveil("audit", "verify").exit_code == 0
    result = streetveil("audit", "verify", "--head", head)
    assert (result.exit_code, "record 4: is missing" in result.stdout) == (1, True)


def test_part_of_a_log_can_be_verified(streetveil, erased):
    records = [json.loads(line) for line in streetveil("audit", "export").stdout.splitlines()]
    result = streetveil("audit", "verify", "--after", f"2:{records[1]['hash']}", "--until", "3")
    assert (result.exit_code, result.stdout[:17]) == (0, "1 records after 2")


@pytest.mark.parametrize("head", ["", "4", "4:abc", f"-1:{'0' * 64}", f"4:{'G' * 64}"])
def test_a_head_that_is_none_is_refused(streetveil, erased, head):
    assert streetveil("audit", "verify", "--head", head).exit_code == 2


def test_with_a_key_records_that_were_sealed_without_do_not_verify(streetveil, erased, monkeypatch):
    monkeypatch.setenv("AUDIT_KEY", "sixteen letters or more")
    assert streetveil("audit", "verify").exit_code == 1


def test_records_are_listed_and_exported(streetveil, erased):
    listed = streetveil("audit", "list", "--job", erased).stdout
    assert listed.splitlines()[1].split()[2:4] == ["erased", erased]
    assert "192.0.2.0/24" in listed
    records = [json.loads(line) for line in streetveil("audit", "export", "--after", "2").stdout.splitlines()]
    assert [(record["number"], record["action"], record["actor"]) for record in records] == [
        (3, "erase", "ann"),
        (4, "erased", "service"),
    ]


def test_an_erasure_is_proven(streetveil, erased, write):
    result = streetveil("audit", "prove", erased)
    proof = json.loads(result.stdout)
    assert (result.exit_code, proof["erased"], proof["problems"]) == (0, True, [])
    kinds = {key.partition("/")[0] for key in proof["objects_looked_for"]}
    assert kinds == {"original", "processed", "metadata", "crops"}
    write("UPDATE processed_images SET filename = 'street.png'")
    result = streetveil("audit", "prove", erased)
    assert (result.exit_code, json.loads(result.stdout)["problems"]) == (1, ["the row has a filename"])


def test_old_records_are_pruned_and_who_did_so_is_told(streetveil, erased):
    assert streetveil("audit", "prune", "--older-than-days", "1").stdout == "0 records removed.\n"
    assert streetveil("audit", "prune", "--older-than-days", "0").stdout == "4 records removed.\n"
    result = streetveil("audit", "verify")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        0,
        "0 records after 4, no faults; 1 events wait to be sealed.",
    )
