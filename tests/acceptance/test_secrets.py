"""A service that holds secrets tells none of them."""

from tests.support.certificates import self_signed

from streetveil.settings import Settings

CANARY = "k4n4ry-b1rd-k4n4ry-b1rd-k4n4ry-b1rd"
# The others of these name servers: what is told of theirs, tests/unit/cli/test_secrets.py shows.
SECRETS = [
    name.upper()
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation) and not name.endswith("_url")
]


def test_no_answer_and_no_line_of_the_log_holds_a_secret(start_service, streetveil, small_photo, tmp_path):
    """It speaks TLS, whose key is a secret as well."""
    certificate, key = self_signed(tmp_path / "tls", password=CANARY)
    secrets = dict.fromkeys(SECRETS, CANARY)
    known = {"AUTH_MODE": "jwt", "METRICS_ACCESS": "open", "LOG_LEVEL": "DEBUG", "ISOLATION": "none"}
    known |= {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key)}
    service = start_service(tmp_path / "data", **secrets, **known)
    made = streetveil("token", "create", "--subject", "s", "--scopes", "upload,read,operate", JWT_SECRET=CANARY)
    token = {"Authorization": f"Bearer {made.stdout.strip()}"}

    answers = [service.client.get(f"/{path}") for path in ("health", "health/ready", "metrics", "openapi.json", "docs")]
    answers += [service.client.get(f"/{path}", headers=token) for path in ("stats", "queue-status", "status/x", "jobs")]
    answers += [service.client.get("/jobs", headers={"Authorization": f"Bearer {text}"}) for text in (CANARY, "a.b.c")]
    answers.append(service.upload(small_photo.read_bytes(), headers=token))
    assert answers[-1].status_code == 202
    assert answers[-1].url.scheme == "https"
    assert service.stop() == 0

    for answer in answers:
        assert CANARY not in f"{answer.headers} {answer.text}"
    log = (tmp_path / "data.log").read_text("utf-8")
    assert "listening" in log
    assert CANARY not in log
    assert token["Authorization"].removeprefix("Bearer ") not in log
