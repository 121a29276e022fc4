import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from streetveil import __version__
from streetveil.cli import main
from streetveil.errors import ConfigurationError


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ((), ("redact", "detect", "serve", "models", "config", "--version")),
        (("redact",), ("--output", "--classes", "--style", "--profile", "--jobs", "--report", "--dry-run", "--force")),
        (("redact",), ("gaussian", "pixelate", "solid", "fast", "balanced", "accurate", "--face-confidence")),
        (("redact",), ("streetveil redact photos/ --output redacted/", "130 interrupted")),
        (("detect",), ("--draw", "JSON", "--profile", "SRC...")),
        (("serve",), ("--host", "--port", "--workers", "--data-dir", "SIGTERM", "/docs")),
        (("config", "show"), ("--json", "PIPELINE_CONFIG")),
        (("models",), ("list", "pull", "verify")),
    ],
)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_tells_all_there_is(streetveil, command, told, flag):
    result = streetveil(*command, flag)

    assert result.exit_code == 0
    assert [word for word in told if word not in result.stdout] == []


def test_the_list_of_verbs_says_of_each_what_its_own_help_says_first():
    program = get_command(main.build_app())
    assert isinstance(program, TyperGroup)
    verbs = program.commands

    said = {name: verb.get_short_help_str(200) for name, verb in verbs.items()}
    own = {name: verb.make_context(name, [], resilient_parsing=True).command for name, verb in verbs.items()}
    assert said == {name: verb.get_short_help_str(200) for name, verb in own.items()}


def test_helping_imports_nothing_heavy_and_each_library_is_told_to_use_one_thread():
    code = (
        "import os, sys\n"
        "from streetveil.cli import main\n"
        "sys.argv = ['streetveil', '--help']\n"
        "try: main.run()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'sqlalchemy', 'fastapi', 'pydantic', 'redis'}\n"
        "print(sorted(heavy & sys.modules.keys()), os.environ['OPENBLAS_NUM_THREADS'], file=sys.stderr)\n"
        "import cv2; print(cv2.getNumThreads(), file=sys.stderr)\n"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stderr.split("\n")[:2] == ["[] 1", "1"]


def test_the_version_is_told(streetveil):
    result = streetveil("--version")

    assert (result.exit_code, result.stdout) == (0, f"streetveil {__version__}\n")


@pytest.mark.parametrize("arguments", [("redact",), ("redact", "x.jpg"), ("redact", "-o", "y"), ("blur",), ("detect",)])
def test_wrong_usage_ends_with_2(streetveil, arguments):
    assert streetveil(*arguments).exit_code == 2


def test_an_error_is_one_line_with_its_code_and_no_traceback(streetveil, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["streetveil", "redact", "[bold]no\x1b[31mwhere.jpg", "--output", "out"])

    with pytest.raises(SystemExit) as caught:
        main.run()

    assert caught.value.code == 3
    told = capsys.readouterr().err
    assert told == "error (unreadable_file): [bold]no\\x1b[31mwhere.jpg does not exist.\n"


def test_settings_that_cannot_work_are_one_line_too(streetveil, monkeypatch, capsys):
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setattr(sys, "argv", ["streetveil", "config", "show"])

    with pytest.raises(SystemExit) as caught:
        main.run()

    assert caught.value.code == 3
    assert capsys.readouterr().err.startswith("error (invalid_configuration): PORT (from environment): ")


@pytest.mark.parametrize("arguments", ["['--version']", "['config', 'show']", "['token', '--help']"])
def test_a_full_disk_under_the_output_is_one_line_too(arguments):
    code = f"import sys\nfrom streetveil.cli import main\nsys.argv = ['streetveil', *{arguments}]\nmain.run()"

    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    told = "error (unwritable_output): The output cannot be written: No space left on device.\n"
    assert (ended.returncode, ended.stderr) == (3, told)


@pytest.mark.parametrize("command", [("jobs", "list"), ("audit", "verify"), ("status",)])
def test_a_folder_without_a_service_is_not_taken_for_one(streetveil, tmp_path, command):
    """An audit log of no records would be in order, and every job gone."""
    result = streetveil(*command)

    assert isinstance(result.exception, ConfigurationError)
    assert f"no service's database in {tmp_path / 'data'}" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
