"""What schemathesis makes up from the OpenAPI document never gets a 500, nor an answer that the document lacks."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streetveil.access.issue import TokenIssuer
from streetveil.domain.access import Principal, Scope

HERE = Path(__file__).parent / "schemathesis"
SECRET = "an example secret that is long enough for HS256"
BUDGET_S = 7


def token() -> str:
    """Of somebody who may do everything."""
    principal = Principal("schemathesis", "made-up", frozenset({Scope.ADMIN}))
    return TokenIssuer.with_secret(SECRET).token(principal, now=datetime.now(UTC), lifetime=timedelta(hours=1))


@pytest.mark.parametrize("mode", ["none", "jwt"])
def test_made_up_requests_get_documented_answers(start_service, tmp_path, mode):
    options = []
    settings = {"AUTH_MODE": mode, "MAX_UPLOAD_BYTES": "1000000"}
    if mode == "jwt":
        settings["JWT_SECRET"] = SECRET
        options = ["--header", f"Authorization: Bearer {token()}"]
    service = start_service(tmp_path / "data", **settings)

    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={HERE / 'schemathesis.toml'}",
            "run",
            f"{service.client.base_url}/openapi.json",
            "--checks=all",
            "--max-examples=5",
            f"--max-time={BUDGET_S}",
            "--workers=2",
            "--continue-on-failure",
            "--generation-deterministic",
            "--warnings=off",
            "--no-color",
            *options,
        ],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=BUDGET_S + 60,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "Tested:" in run.stdout
    crashes = [line for line in service.log() if line["event"] in {"request_crashed", "request_failed"}]
    assert crashes == []
