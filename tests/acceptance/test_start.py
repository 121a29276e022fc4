"""`./start.sh`, the first command of a newcomer."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.support.ports import free_port

from streetveil.bench.machine import instructions

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def start(environment, tmp_path):
    """Runs ./start.sh with a data folder of its own."""

    def run(*arguments):
        return subprocess.run(
            [REPOSITORY / "start.sh", *map(str, arguments)],
            cwd=tmp_path,
            env=environment | {"DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def test_the_demo_shows_what_was_redacted_and_found_and_where_the_result_is(start, tmp_path, bus):
    port = free_port()

    result = start("--demo", "--port", port)

    assert result.returncode == 0, result.stderr
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines() if line]
    assert sum(kind == "redacted" and rest.startswith("face at [") for kind, rest in lines) == 2
    assert [rest.split()[0] for kind, rest in lines if kind == "found"] == ["bus"]
    told = dict(lines)
    path = Path(told["result"].removeprefix("file://"))
    assert path.is_relative_to(tmp_path / "data")
    with Image.open(path) as redacted, Image.open(bus) as original:
        assert redacted.size == original.size
        assert redacted.tobytes() != original.tobytes()
    with pytest.raises(ConnectionRefusedError):  # nothing is left running
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_taken_port_is_told_and_nobody_elses_service_is_used(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = start("--demo", f"--port={port}")

    assert result.returncode == 3
    assert f"port {port} is taken; choose another with --port" in result.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--wrong"], "unknown option: --wrong"),
        (["--port"], "--port needs a number"),
        (["--port", "many"], "--port needs a number, not 'many'"),
        (["--port="], "--port needs a number, not ''"),
        (["--port", "0"], "--port must be from 1 to 65535"),
        (["--port", "65536"], "--port must be from 1 to 65535"),
        (["--port", "9" * 30], "--port must be from 1 to 65535"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_done(start, tmp_path, arguments, told):
    result = start(*arguments)

    assert result.returncode not in {0, 1}
    assert told in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_option_and_help_show_the_usage(start):
    assert "Usage: ./start.sh [--demo] [--port PORT]" in start("--wrong").stderr
    assert "Usage: ./start.sh [--demo] [--port PORT]" in start("--help").stdout


def test_it_learns_whether_tuning_the_models_would_pay(environment, tmp_path):
    script = [sys.executable, str(REPOSITORY / "scripts/start_settings.py")]
    told = subprocess.run(
        script,
        env=environment | {"STREETVEIL_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    pays = not {"avx512_vnni", "avx_vnni", "amx_int8"}.isdisjoint(instructions())
    assert told.stdout.split()[2:] == ["own", "own", "tune" if pays else "-"]
