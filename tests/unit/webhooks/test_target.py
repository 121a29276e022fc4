from __future__ import annotations

import pytest

from streetveil.errors import InvalidWebhookUrlError
from streetveil.webhooks.target import Target, parse_target


def test_a_url_is_taken_apart() -> None:
    assert parse_target("https://Hooks.Example.org:8443/a/b?c=d") == Target(
        "https", "hooks.example.org", 8443, "/a/b?c=d"
    )
    assert parse_target("https://example.org") == Target("https", "example.org", 443, "/")
    assert parse_target("http://[2606:4700::1111]/x", allow_http=True) == Target("http", "2606:4700::1111", 80, "/x")


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://example.org/", "example.org"),
        ("https://example.org:443/", "example.org"),
        ("https://example.org:444/", "example.org:444"),
        ("https://[2606:4700::1111]:444/", "[2606:4700::1111]:444"),
    ],
)
def test_the_host_header_names_a_port_that_is_not_the_usual_one(url: str, header: str) -> None:
    assert parse_target(url).host_header == header


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "https://",
        "https:///path",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://example.org@127.0.0.1/",
        "https://example.org#@127.0.0.1/",
        "https://example.org/#fragment",
        "https://example.org\\@127.0.0.1/",
        "https://exa mple.org/",
        "https://example.org/\r\nX-Injected: 1",
        "https://example.org/\x00",
        "https://exämple.org/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org:port/",
        "https://[v1.a]/",
        "https://[example.org]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://127.0.0.0x1/",
        "https://1.2.3.4.5/",
        "https://256.256.256.256/",
        "https://example.1/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://-example.org/",
        "https://example..org/",
        "https://" + "a" * 64 + ".org/",
        "https://example.org/" + "a" * 2000,
    ],
)
def test_what_is_not_plainly_one_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidWebhookUrlError):
        parse_target(url)
