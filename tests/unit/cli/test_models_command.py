import json

import pytest
from typer.testing import CliRunner

from streetveil.cli.models import build_app
from streetveil.detection.models import BUS, CATALOGUE
from streetveil.errors import StreetveilError


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs `streetveil models ...` on an empty cache, with no registry's client to be found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREETVEIL_CACHE", str(tmp_path / "cache"))
    return lambda *arguments: CliRunner().invoke(build_app(), arguments)


def put_sample(tmp_path, content):
    folder = tmp_path / "cache" / "models" / f"bus-{BUS.version}-{BUS.sha256[:8]}"
    folder.mkdir(parents=True)
    (folder / "bus.jpg").write_bytes(content)


def test_list_shows_everything_about_every_model(run):
    result = run("list")

    assert result.exit_code == 0
    for card in CATALOGUE:
        (line,) = (line for line in result.stdout.splitlines() if line.startswith(card.name))
        assert str(card.source) in line
        assert card.sha256[:12] in line
        assert card.licence in line
        assert "missing" in line
    assert "AGPL-3.0" in result.stdout


def test_list_wide_shows_whole_digests_and_the_folder(run, tmp_path):
    result = run("list", "--wide")

    assert all(card.sha256 in result.stdout for card in CATALOGUE)
    assert str(tmp_path / "cache") in result.stdout


def test_list_as_json_can_be_read_by_programs(run):
    rows = json.loads(run("list", "--json").stdout)

    assert [row["name"] for row in rows] == [card.name for card in CATALOGUE]
    assert {row["state"] for row in rows} == {"missing"}


def test_the_cache_option_wins_over_the_environment(run, tmp_path):
    result = run("--cache", str(tmp_path / "other"), "list", "--wide")

    assert str(tmp_path / "other") in result.stdout


def test_verify_ends_with_an_error_where_something_is_missing(run):
    result = run("verify")

    assert result.exit_code == 1
    assert result.stdout.count("model_missing") == len(CATALOGUE)


def test_verify_ends_with_an_error_where_a_digest_differs(run, tmp_path):
    put_sample(tmp_path, bytes(BUS.members[0].size))

    result = run("verify", "bus", "--json")

    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert row["result"] == "digest_mismatch"
    assert BUS.sha256 in row["detail"]


def test_an_unknown_name_is_refused_with_those_that_are_known(run):
    result = run("pull", "nonsense")

    assert result.exit_code == 2
    assert "centerface" in result.stderr


def test_a_pull_that_cannot_fetch_fails_with_a_clear_error(run, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr("importlib.util.find_spec", lambda *names: None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    result = run("pull", "bus")

    assert result.exit_code != 0
    assert isinstance(result.exception, StreetveilError)
    assert "pip is needed" in result.exception.detail
