"""How much one client may ask for, as its answers tell."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from tests.support.metrics import values
from tests.unit.api.conftest import Service, World, check_documented, services_of, serving

from streetveil.access.base import Authenticator
from streetveil.api.access import AccessPolicy
from streetveil.api.app import create_app
from streetveil.api.intake import OpenUploads, Pace, client_at
from streetveil.domain.access import Principal, Scope
from streetveil.errors import InvalidTokenError, OverloadedError, RateLimitedError, StalledRequestError
from streetveil.limits.counters import Counters
from streetveil.limits.limiter import Limiter


def by_name(token: str) -> Principal:
    if not token.startswith("tenant-"):
        raise InvalidTokenError("The token does not hold.")
    return Principal("somebody", token, frozenset({Scope.ADMIN}))


@pytest.fixture
def limited(tmp_path):
    """Starts services with limits; each gives a client that checks answers against the OpenAPI document."""

    @contextmanager
    def start(*, authenticate: Authenticator | None = by_name, **limits):
        world = World()

        @contextmanager
        def open_services():
            yield replace(services_of(world, tmp_path), limits=Limiter(Counters(), **limits), idle_timeout_s=30)

        app = create_app(open_services, access=AccessPolicy(authenticate=authenticate), version="1")
        with serving(app) as address:
            service = Service(app, address, world, tmp_path)

            def check(response: httpx.Response) -> None:
                response.read()
                check_documented(app, response)

            with httpx.Client(base_url=address, event_hooks={"response": [check]}) as client:
                yield client, service

    return start


def refusals(client: httpx.Client) -> dict[str, float]:
    """How often /metrics says that somebody was turned away, by limit."""
    numbers = values(client.get("/metrics").text)
    return {
        labels[0]: number for (name, labels), number in numbers.items() if name == "streetveil_limit_refusals_total"
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_tenant_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_kept_out(limited):
    with limited(rate="2/hour") as (client, _):
        answers = [client.get("/jobs", headers=bearer("tenant-a")) for _ in range(3)]
        other = client.get("/jobs", headers=bearer("tenant-b"))
        alive = [client.get("/health/live").status_code for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert int(answers[2].headers["Retry-After"]) >= 1
    assert other.status_code == 200
    assert alive == [200, 200, 200]


def test_guessing_tokens_is_limited_by_address_and_keeps_no_tenant_out(limited):
    with limited(rate="2/hour") as (client, _):
        guesses = [client.get("/jobs", headers=bearer(f"guess-{number}")).status_code for number in range(4)]
        assert client.get("/jobs", headers=bearer("tenant-a")).status_code == 200

    assert guesses == [401, 401, 429, 429]


def test_without_tokens_an_address_is_limited(limited):
    with limited(authenticate=None, rate="1/hour") as (client, _):
        assert [client.get("/jobs").status_code for _ in range(2)] == [200, 429]


def test_photos_over_the_quota_are_refused_before_they_are_read(limited, photo):
    with limited(photos_per_day=1) as (client, service):
        first = client.post("/upload", files={"file": ("a.jpg", photo)}, headers=bearer("tenant-a"))
        for path, name in (("/upload", "file"), ("/redact", "file"), ("/blur/", "picture")):
            refused = client.post(path, files={name: ("a.jpg", photo)}, headers=bearer("tenant-a"))
            assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
            assert 0 < int(refused.headers["Retry-After"]) <= 86_400
        other = client.post("/upload", files={"file": ("a.jpg", photo)}, headers=bearer("tenant-b"))
        reading = client.get(f"/status/{first.json()['job_id']}", headers=bearer("tenant-a"))
        assert refusals(client)["photos_per_day"] == 3

    assert (first.status_code, other.status_code, reading.status_code) == (202, 202, 200)
    assert len(service.world.jobs) == 2
    assert service.world.redacted == []


@pytest.mark.parametrize(
    ("limits", "code"), [({"rate": "2/hour"}, "rate_limited"), ({"photos_per_day": 2}, "quota_exceeded")]
)
def test_photos_of_a_batch_count_each_and_those_that_are_too_many_are_told(limited, photo, limits, code):
    with limited(**limits) as (client, service):
        answer = client.post(
            "/batch-upload",
            files=[("files", (f"{number}.jpg", photo)) for number in range(3)],
            headers=bearer("tenant-a"),
        )
        assert refusals(client)[next(iter(limits))] == 1

    assert answer.status_code == 202
    jobs = answer.json()["jobs"]
    assert [job.get("error", {}).get("code") for job in jobs] == [None, None, code]
    assert len(service.world.jobs) == 2
    assert service.open_spool_files() == []


def test_bytes_of_a_day_are_limited(limited, photo):
    with limited(bytes_per_day=len(photo) + 600) as (client, _):
        answers = [
            client.post("/upload", files={"file": ("a.jpg", photo)}, headers=bearer("tenant-a")) for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [202, 429]


def test_uploads_at_once_are_limited_for_each_client_and_in_all():
    uploads = OpenUploads(3, 2)
    with uploads.one_more("a"), uploads.one_more("a"):
        with pytest.raises(RateLimitedError) as own, uploads.one_more("a"):
            pass
        with uploads.one_more("b"), pytest.raises(OverloadedError) as refusal, uploads.one_more("c"):
            pass
        assert refusal.value.code == "queue_full"
        assert (own.value.limit, refusal.value.limit) == ("uploads_per_client", "open_uploads")
    with uploads.one_more("a"):
        pass


def test_a_body_must_keep_a_pace_and_may_not_take_for_ever():
    pace = Pace(idle_s=10, total_s=100, bytes_per_s=1000)

    assert pace.patience(0, 0) == 10
    assert pace.patience(9, 0) == 1
    assert pace.patience(20, 50_000) == 10
    assert pace.patience(95, 10**9) == 5
    for waited, received in ((10, 0), (20, 10_000), (100, 10**9)):
        with pytest.raises(StalledRequestError):
            pace.patience(waited, received)
    assert Pace(idle_s=10, total_s=100, bytes_per_s=0).patience(99, 1) == 1


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.7", "address:203.0.113.7"),
        ("::ffff:203.0.113.7", "address:203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::"),
        ("fe80::1%eth0", "address:fe80::"),
        (None, "address:unknown"),
        ("testclient", "address:unknown"),
    ],
)
def test_an_address_that_one_customer_has_is_one_client(address, name):
    assert client_at(address) == name


def test_who_sends_a_photo_slowly_keeps_nobody_from_redacting(limited, photo):
    with limited(rate="1000/second") as (client, service):
        release = threading.Event()

        def slowly():
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
            release.wait(10)
            yield photo + b"\r\n--b--\r\n"

        def send():
            headers = bearer("tenant-slow") | {"Content-Type": "multipart/form-data; boundary=b"}
            httpx.post(f"{service.address}/redact", content=slowly(), headers=headers)

        senders = [threading.Thread(target=send) for _ in range(3)]
        for sender in senders:
            sender.start()
        uploads = service.app.state.streetveil.open_uploads
        while len(uploads) < 3:
            threading.Event().wait(0.01)
        quick = client.post("/redact", files={"file": ("a.jpg", photo)}, headers=bearer("tenant-a"))
        release.set()
        for sender in senders:
            sender.join()

    assert quick.status_code == 200
