"""Sends the sample photo to a running service, as a newcomer would see it. Standard library only."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streetveil.bootstrap import build_token_issuer
from streetveil.detection.models import BUS
from streetveil.detection.weights import ModelCache
from streetveil.domain.access import DEFAULT_TENANT, Principal, Scope
from streetveil.settings import Settings, load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="address of the service")
    parser.add_argument("--pid", type=int, required=True, help="process of the service; its end ends the waiting")
    arguments = parser.parse_args()

    settings = load_settings().settings
    wait_until_up(arguments.url, arguments.pid)
    if settings.auth_mode == "jwt" and settings.jwt_secret is None:
        print("\nThe service runs. Its tokens come from elsewhere, so no sample photo is sent.\n", flush=True)
        return
    headers = authorization(settings)
    photo = ModelCache(settings.streetveil_cache).path(BUS)
    job = upload(arguments.url, photo, headers)
    print(f"\nuploaded   {photo.name} as job {job['job_id']}")
    show(finished(arguments.url, job["job_id"], headers))


def authorization(settings: Settings) -> dict[str, str]:
    """What requests must carry: where the service asks for tokens, one for this minute's work."""
    if settings.auth_mode == "none":
        return {}
    demo = Principal("demo", DEFAULT_TENANT, frozenset({Scope.UPLOAD, Scope.READ, Scope.READ_ORIGINAL}))
    token = build_token_issuer(settings).token(demo, now=datetime.now(UTC), lifetime=timedelta(minutes=5))
    return {"Authorization": f"Bearer {token}"}


def wait_until_up(url: str, pid: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            sys.exit(3)  # it has said itself why
        try:
            with urllib.request.urlopen(f"{url}/health/live", timeout=5):
                return
        except OSError:  # urllib's own errors are of this kind
            time.sleep(0.1)
    sys.exit("error: the service did not start within two minutes")


def upload(url: str, photo: Path, headers: dict[str, str]) -> dict[str, Any]:
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{photo.name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    body += photo.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{url}/upload", body, {**headers, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    return call(request)


def finished(url: str, job_id: str, headers: dict[str, str]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = call(urllib.request.Request(f"{url}/status/{job_id}", headers=headers))
        if status["status"] in ("completed", "failed"):
            return status
        time.sleep(0.05)
    sys.exit("error: the sample photo was not finished within a minute")


def show(status: dict[str, Any]) -> None:
    if status["status"] == "failed":
        sys.exit(f"error: {status['error']['detail']} ({status['error']['code']})")
    results = status["results"]
    for region in results["blur_metadata"]["regions"]:
        print(f"redacted   {region['class']} at {region['box']}, confidence {region['confidence']:.2f}")
    for vehicle in results["detection_metadata"]["vehicles"]:
        print(f"found      {vehicle['class']} at {vehicle['box']}, confidence {vehicle['confidence']:.2f}")
    print(f"result     {results['processed_image_path']}")
    print(f"original   {results['original_image_path']}")
    print(f"took       {results['processing_time']:.2f} s\n", flush=True)


def call(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        sys.exit(f"error: {request.full_url} answered {error.code}: {error.read(2000).decode('utf-8', 'replace')}")


if __name__ == "__main__":
    main()
