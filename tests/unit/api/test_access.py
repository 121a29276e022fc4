"""Who is answered: every route takes a token with its scope, and says so in the way of RFC 6750."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.unit.api.conftest import Service, World, check_documented, services_of, serving

from streetveil.access.issue import TokenIssuer
from streetveil.access.keys import OneKey, shared_secret
from streetveil.access.tokens import JwtAuthenticator
from streetveil.api.access import AccessPolicy
from streetveil.api.app import create_app
from streetveil.api.services import ApiServices
from streetveil.domain.access import DEFAULT_TENANT, Principal, Scope
from streetveil.domain.job import new_id
from streetveil.errors import KeysUnavailableError

SECRET = "0123456789abcdef0123456789abcdef"
JOB = new_id()

TAKES = {
    "POST /upload": Scope.UPLOAD,
    "POST /batch-upload": Scope.UPLOAD,
    "POST /redact": Scope.UPLOAD,
    "POST /blur/": Scope.UPLOAD,
    "POST /deblur/": Scope.UPLOAD,
    "GET /status/{job_id}": Scope.READ,
    "GET /batches/{batch_id}": Scope.READ,
    "GET /jobs": Scope.READ,
    "GET /jobs/{job_id}/image": Scope.READ,
    "HEAD /jobs/{job_id}/image": Scope.READ,
    "GET /jobs/{job_id}/crops": Scope.READ_ORIGINAL,
    "GET /jobs/{job_id}/mask": Scope.READ,
    "GET /jobs/{job_id}/regions": Scope.READ,
    "POST /jobs/{job_id}/retry": Scope.OPERATE,
    "POST /jobs/{job_id}/release": Scope.OPERATE,
    "DELETE /jobs/{job_id}": Scope.ERASE,
    "GET /stats": Scope.OPERATE,
    "GET /queue-status": Scope.OPERATE,
    "GET /health": Scope.OPERATE,
    "GET /metrics": Scope.METRICS,
    "GET /health/ready": Scope.OPERATE,
}
OPEN = {
    "GET /health/live",
    "GET /blur/",
    "HEAD /blur/",
    # What FastAPI adds: the document of this program, which is public.
    "GET /docs",
    "HEAD /docs",
    "GET /docs/oauth2-redirect",
    "HEAD /docs/oauth2-redirect",
    "GET /openapi.json",
    "HEAD /openapi.json",
}


def token(*scopes: Scope, subject: str = "ann", lifetime: timedelta = timedelta(hours=1)) -> str:
    principal = Principal(subject, DEFAULT_TENANT, frozenset(scopes))
    return TokenIssuer.with_secret(SECRET).token(principal, now=datetime.now(UTC), lifetime=lifetime)


def bearing(*scopes: Scope) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(*scopes)}"}


def app_with(world: World, spool_dir: Path, access: AccessPolicy) -> FastAPI:
    @contextmanager
    def open_services() -> Iterator[ApiServices]:
        yield services_of(world, spool_dir)

    return create_app(open_services, access=access, version="1.2.3")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for tokens, for its health too."""
    world, spool_dir = World(), tmp_path_factory.mktemp("spool")
    authenticate = JwtAuthenticator(OneKey(shared_secret(SECRET)))
    app = app_with(
        world, spool_dir, AccessPolicy(authenticate=authenticate, health=Scope.OPERATE, metrics=Scope.METRICS)
    )
    with serving(app) as address:
        yield Service(app, address, world, spool_dir)


@pytest.fixture
def client(guarded: Service) -> Iterator[httpx.Client]:
    def check(response: httpx.Response) -> None:
        response.read()
        if response.request.url.path != "/deblur/":  # never more than a refusal, and not in the document
            check_documented(guarded.app, response)

    guarded.world.reset()
    with httpx.Client(base_url=guarded.address, verify=False, event_hooks={"response": [check]}) as client:
        yield client
    assert guarded.left_in_spool() == []


def routes_of(app: FastAPI) -> set[str]:
    found = set()
    routes = list(app.routes)
    while routes:
        route = routes.pop()
        if hasattr(route, "methods"):
            found |= {f"{method} {route.path}" for method in route.methods or ()}  # type: ignore[attr-defined]
        else:
            routes += route.original_router.routes  # type: ignore[attr-defined]
    return found


def ask(client: httpx.Client, name: str, **more: object) -> httpx.Response:
    method, _, path = name.partition(" ")
    return client.request(method, re.sub(r"\{\w+\}", JOB, path), **more)  # type: ignore[arg-type]


def test_what_each_route_takes_is_listed_here(guarded: Service) -> None:
    assert routes_of(guarded.app) == TAKES.keys() | OPEN


@pytest.mark.parametrize("name", TAKES)
def test_a_route_says_that_it_takes_a_token(client: httpx.Client, name: str) -> None:
    response = ask(client, name)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    if response.request.method != "HEAD":
        assert response.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("name", TAKES)
def test_a_route_takes_its_scope_and_no_other_stands_for_it(client: httpx.Client, name: str) -> None:
    others = set(Scope) - {TAKES[name], Scope.ADMIN}
    response = ask(client, name, headers=bearing(*others))
    assert response.status_code == 403
    assert response.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{TAKES[name]}"'
    if response.request.method != "HEAD":
        assert response.json()["code"] == "insufficient_scope"


@pytest.mark.parametrize("name", TAKES)
@pytest.mark.parametrize("admin", [False, True])
def test_whoever_has_the_scope_or_is_an_admin_reaches_the_route(client: httpx.Client, name: str, admin: bool) -> None:
    response = ask(client, name, headers=bearing(Scope.ADMIN if admin else TAKES[name]))
    assert response.status_code in {200, 400, 404}


@pytest.mark.parametrize("name", sorted(OPEN))
def test_what_is_open_takes_no_token(client: httpx.Client, name: str) -> None:
    assert ask(client, name).status_code == 200


def test_the_caller_is_asked_before_anything_is_said_of_a_job(client: httpx.Client) -> None:
    assert client.get("/status/no-id").status_code == 401
    assert client.get("/jobs", params={"limit": "0"}).status_code == 401
    assert client.get("/jobs/no-id/image", params={"variant": "x"}, headers=bearing(Scope.UPLOAD)).status_code == 403


def test_an_upload_is_refused_before_its_bytes_are_taken(guarded: Service) -> None:
    head = (
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        "Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection(guarded.host_and_port, timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")


HOLDS = token(*Scope)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer", "invalid_token"),
        ("Bearer x.y.z", "invalid_token"),
        (f"Bearer {HOLDS[:-2]}", "invalid_token"),
        (f"Bearer {HOLDS} {HOLDS}", "invalid_token"),
        (f"Bearer {token(*Scope, lifetime=timedelta(hours=-1))}", "invalid_token"),
        ("Bearer " + "x" * 20_000, "invalid_token"),
        ("Bearer \xe9.\xe9.\xe9", "invalid_token"),
        ("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjQwMDAwMDAwMDB9.", "invalid_token"),
        (HOLDS, "unauthenticated"),
        (f"Basic {HOLDS}", "unauthenticated"),
        (f"Bearer, {HOLDS}", "unauthenticated"),
        ("", "unauthenticated"),
    ],
    ids=lambda value: value[:20],
)
def test_a_header_that_shows_no_token_that_holds_is_a_401(client: httpx.Client, header: str, code: str) -> None:
    response = client.get("/jobs", headers=[(b"Authorization", header.encode("latin-1"))])
    assert response.status_code == 401
    assert response.json()["code"] == code
    assert response.headers["WWW-Authenticate"] == (
        "Bearer" if code == "unauthenticated" else 'Bearer error="invalid_token"'
    )
    shown = header.removeprefix("Bearer ").strip()
    assert len(shown) < 10 or shown not in response.text


def test_two_tokens_are_none(client: httpx.Client) -> None:
    headers = [("Authorization", f"Bearer {HOLDS}")] * 2
    assert client.get("/jobs", headers=headers).json()["code"] == "unauthenticated"


def test_the_scheme_s_case_does_not_matter(client: httpx.Client) -> None:
    assert client.get("/jobs", headers={"Authorization": f"bearer {HOLDS}"}).status_code == 200


def test_a_token_elsewhere_is_not_looked_at(client: httpx.Client) -> None:
    response = client.get("/jobs", params={"access_token": HOLDS}, headers={"Cookie": f"token={HOLDS}"})
    assert response.status_code == 401


@pytest.fixture
def job(client: httpx.Client, photo: bytes) -> str:
    response = client.post("/upload", files={"file": ("a.jpg", photo)}, headers=bearing(Scope.UPLOAD))
    assert response.status_code == 202, response.text
    return str(response.json()["job_id"])


def test_originals_are_for_those_who_may_see_them(
    client: httpx.Client, guarded: Service, job: str, photo: bytes
) -> None:
    guarded.world.complete(job)
    address = f"/jobs/{job}/image?variant=original"
    assert (
        client.get(address, headers=bearing(Scope.READ)).headers["WWW-Authenticate"].endswith('scope="read:original"')
    )
    assert client.get(address, headers=bearing(Scope.READ, Scope.READ_ORIGINAL)).content == photo


def test_where_an_original_is_is_told_to_those_who_may_see_it(client: httpx.Client, guarded: Service, job: str) -> None:
    guarded.world.complete(job)

    def told(*scopes: Scope) -> dict[str, str | None]:
        results: dict[str, str | None] = client.get(f"/status/{job}", headers=bearing(*scopes)).json()["results"]
        return results

    assert told(Scope.READ)["original_image_path"] is None
    assert told(Scope.READ)["processed_image_path"] is not None
    assert told(Scope.READ, Scope.READ_ORIGINAL)["original_image_path"] is not None


def test_no_link_to_an_original_is_given_to_others(client: httpx.Client, guarded: Service, job: str) -> None:
    guarded.world.presigned = "https://store.test/signed"
    address = f"/jobs/{job}/image?variant=original"
    assert client.get(address, headers=bearing(Scope.READ)).status_code == 403
    assert client.get(address, headers=bearing(Scope.READ, Scope.READ_ORIGINAL)).status_code == 307


def test_a_result_that_needs_review_is_for_those_who_may_release_it(
    client: httpx.Client, guarded: Service, job: str
) -> None:
    guarded.world.hold_back(job)
    address = f"/jobs/{job}/image?variant=review"
    assert client.get(address, headers=bearing(Scope.READ, Scope.READ_ORIGINAL)).status_code == 403
    assert client.get(address, headers=bearing(Scope.READ, Scope.OPERATE)).content == b"held back"


def test_whoever_has_no_token_learns_nothing_while_keys_cannot_be_fetched(tmp_path: Path) -> None:
    def unavailable(_token: str) -> Principal:
        raise KeysUnavailableError("The keys cannot be fetched.")

    app = app_with(World(), tmp_path, AccessPolicy(authenticate=unavailable))
    with serving(app) as address, httpx.Client(base_url=address, verify=False) as client:
        response = client.get("/jobs", headers=bearing(Scope.READ))
        check_documented(app, response)
        assert (response.status_code, response.json()["code"]) == (503, "keys_unavailable")
        assert "Retry-After" in response.headers
        assert client.get("/jobs").status_code == 401
        assert client.get("/health/ready").status_code == 200  # open unless it is set otherwise


def test_the_document_says_which_scope_each_operation_takes(guarded: Service) -> None:
    document = guarded.app.openapi()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "security" in operation:
                found[f"{method.upper()} {path}"] = operation["security"]
                assert {"401", "403", "503"} <= operation["responses"].keys()
                assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]
    hidden = {"HEAD /jobs/{job_id}/image", "POST /deblur/"}
    assert found == {name: [{"token": [scope.value]}] for name, scope in TAKES.items() if name not in hidden}


def test_where_nobody_is_asked_the_document_speaks_of_no_tokens(running: Service) -> None:
    document = running.app.openapi()
    assert "securitySchemes" not in document["components"]
    for methods in document["paths"].values():
        for operation in methods.values():
            assert "security" not in operation
            assert not {"401", "403"} & operation["responses"].keys()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("streetveil.test", 200),
        ("evil.test:8000", 403),
        ("localhost.evil.test", 403),
        ("localhost@evil.test", 403),
        ("127.0.0.1.evil.test", 403),
        ("8.8.8.8", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_where_nobody_is_asked_a_web_page_of_another_name_gets_nothing(host: str, status: int, tmp_path: Path) -> None:
    names = frozenset({"localhost", "streetveil.test"})
    app = app_with(World(), tmp_path, AccessPolicy(authenticate=None, own_names=names))
    with serving(app) as address, httpx.Client(base_url=address, verify=False) as client:
        assert client.get("/jobs", headers={"Host": host}).status_code == status
        assert client.get("/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("http://localhost:3000", 200),
        ("https://streetveil.test", 200),
        ("https://evil.test", 403),
        ("http://localhost.evil.test", 403),
        ("http://evil.test://localhost", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_where_nobody_is_asked_a_web_page_of_another_can_send_nothing(origin: str, status: int, tmp_path: Path) -> None:
    names = frozenset({"localhost", "streetveil.test"})
    app = app_with(World(), tmp_path, AccessPolicy(authenticate=None, own_names=names))
    with serving(app) as address, httpx.Client(base_url=address, verify=False) as client:
        assert client.get("/jobs", headers={"Origin": origin}).status_code == status
        # What a form sends a browser asks nobody about.
        posted = client.post("/upload", files={"file": b"no photo"}, headers={"Origin": origin})
        assert posted.status_code == (403 if status == 403 else 415)
    with serving(app_with(World(), tmp_path, AccessPolicy(authenticate=None))) as address:
        assert httpx.get(f"{address}/jobs", headers={"Origin": origin}, verify=False).status_code == 200
