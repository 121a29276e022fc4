"""From an upload to a receiver on this machine, which checks the message as docs/webhooks.md tells it to."""

import io
import json
import re
import time
from pathlib import Path
from typing import Any

from PIL import Image
from tests.support.servers import wait_until
from tests.support.webhook_receiver import receiver, status

from streetveil.bootstrap import webhook_secret
from streetveil.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"
ALLOWED = {"webhook_secret": SECRET, "webhook_allow_http": True, "webhook_allow_private": True}


def documented() -> Any:
    """The function that docs/webhooks.md gives to receivers."""
    text = (Path(__file__).parents[3] / "docs/webhooks.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, Any] = {}
    exec(blocks[0], names)
    return names["is_genuine"]


def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 150), "green").save(file, "JPEG")
    return file.getvalue()


def test_a_receiver_is_told_and_can_tell_who_told_it(open_embedded, tmp_path):
    is_genuine = documented()
    secret = webhook_secret(Settings.model_validate(ALLOWED), "default")
    with receiver(status(204)) as found, open_embedded(tmp_path, **ALLOWED) as service:
        job_id = service.upload(photo(), webhook_url=f"http://127.0.0.1:{found.port}/hook")
        wait_until(lambda: bool(found.bodies), 20)
        wait_until(
            lambda: (
                service.client.get(f"/status/{job_id}").json()["webhook"]
                == {"status": "delivered", "attempts": 1, "error": None}
            ),
            20,
        )
    (body,), (headers,) = found.bodies, found.headers
    assert json.loads(body)["type"] == "job.completed"
    assert json.loads(body)["data"]["job_id"] == job_id
    assert is_genuine(secret, headers, body)
    assert not is_genuine(secret, headers, body.replace(b"completed", b"failed"))
    assert not is_genuine(webhook_secret(Settings.model_validate(ALLOWED), "other"), headers, body)
    assert not is_genuine(secret, headers | {"webhook-id": "another"}, body)
    assert not is_genuine(secret, headers | {"webhook-timestamp": str(int(time.time()) - 301)}, body)
    assert not is_genuine(secret, {}, body)


def test_as_it_comes_nothing_inside_can_be_named(open_embedded, tmp_path):
    with open_embedded(tmp_path, webhook_secret=SECRET) as service:
        for url in (
            "http://example.org/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://user:pw@example.org/",
            "file:///etc/passwd",
        ):
            response = service.client.post("/upload", files={"file": ("a.jpg", photo())}, data={"webhook_url": url})
            assert (response.status_code, response.json()["code"]) == (422, "invalid_webhook_url"), url
