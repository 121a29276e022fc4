"""A webhook's address, read strictly: what is not plainly one address is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from streetveil.errors import InvalidWebhookUrlError

MAX_URL = 2000

_VISIBLE = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces and without the backslash that browsers read as a slash
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes.

    Attributes:
        host: a name in lower case, or a numeric address without brackets.
        resource: path and query.
    """

    scheme: str
    host: str
    port: int
    resource: str

    @property
    def is_numeric(self) -> bool:
        """Whether the host is an address and needs no resolving."""
        return _numeric(self.host) is not None

    @property
    def host_header(self) -> str:
        """As RFC 9110, section 7.2, has it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


def parse_target(url: str, *, allow_http: bool = False) -> Target:
    """The parts of a webhook's URL.

    Raises:
        InvalidWebhookUrlError: it is too long, not https (or http where that is allowed), carries a user or
            a fragment, or names its host in a way that programs read differently, as 0x7f.1 or 2130706433.
    """
    if len(url) > MAX_URL or not _VISIBLE.fullmatch(url):
        raise InvalidWebhookUrlError(f"webhook_url must be at most {MAX_URL} visible ASCII characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidWebhookUrlError("webhook_url is no URL.") from error
    if parts.scheme not in _PORTS or (parts.scheme == "http" and not allow_http):
        raise InvalidWebhookUrlError("webhook_url must begin with https://.")
    if "@" in parts.netloc or parts.fragment or "#" in url:
        raise InvalidWebhookUrlError("webhook_url must have no user, password or fragment.")
    if port == 0:
        raise InvalidWebhookUrlError("webhook_url has an impossible port.")
    host = _host(parts.hostname or "", in_brackets="[" in parts.netloc)
    resource = parts.path or "/"
    if parts.query:
        resource += f"?{parts.query}"
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], resource)


def _host(text: str, *, in_brackets: bool) -> str:
    numeric = _numeric(text)
    if numeric is not None:
        return numeric
    name = text.lower()
    # The last label decides whether a name can be read as a number (WHATWG URL, "ends in a number").
    if in_brackets or not _HOST.fullmatch(name) or _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise InvalidWebhookUrlError("webhook_url must name a host, or an address in its usual form.")
    return name


def _numeric(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return None
    return str(address)
