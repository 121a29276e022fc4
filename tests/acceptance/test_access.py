"""A service that asks for tokens, and tokens that the command made: real processes, real HTTP."""

SECRET = "0123456789abcdef0123456789abcdef"


def test_who_has_a_token_is_served_and_nobody_else(start_service, streetveil, small_photo, tmp_path):
    made = streetveil("token", "create", "--subject", "ann", "--scopes", "upload,read", JWT_SECRET=SECRET)
    token = made.stdout.strip()
    service = start_service(tmp_path / "data", AUTH_MODE="jwt", JWT_SECRET=SECRET, LOG_LEVEL="DEBUG")
    assert service.upload(small_photo.read_bytes()).status_code == 401

    service.client.headers["Authorization"] = f"Bearer {token}"
    job_id = service.submit(small_photo.read_bytes())
    assert service.finished(job_id)["status"] == "completed"
    assert service.client.get(f"/jobs/{job_id}/image").is_success
    refused = service.client.delete(f"/jobs/{job_id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")

    written = str(service.log())
    assert token not in written
    assert SECRET not in written
    assert service.stop() == 0


def test_an_address_that_others_reach_is_refused_without_tokens(streetveil):
    refused = streetveil("serve", "--port", "0", "--host", "0.0.0.0")
    assert refused.returncode == 3
    assert "AUTH_MODE=jwt" in refused.stderr
