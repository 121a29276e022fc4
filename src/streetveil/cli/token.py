"""`streetveil token`: lets people and programs in where there is no identity provider."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from streetveil.bootstrap import build_token_issuer
from streetveil.cli.tenant import tenant_name
from streetveil.domain.access import DEFAULT_TENANT, Principal, Scope
from streetveil.settings import load_settings

# Nothing but a new key takes a token back.
_LONGEST = timedelta(days=366)
_MAX_SUBJECT = 255
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def build_app() -> typer.Typer:
    """The verbs below `streetveil token`."""
    app = typer.Typer(help="Make tokens for AUTH_MODE=jwt.", no_args_is_help=True)
    app.command("create")(create)
    return app


def create(
    subject: Annotated[str, typer.Option(metavar="NAME", help="Who it is for, as the audit log will name them.")],
    scopes: Annotated[
        list[str], typer.Option(metavar="SCOPE,...", help=f"What they may do: {', '.join(Scope)}. May be repeated.")
    ],
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="How long it holds: 90d, 12h, 30m. At most a year.")
    ] = "30d",
    tenant: Annotated[
        str, typer.Option(metavar="NAME", callback=tenant_name, help="Whose photos they work with.")
    ] = DEFAULT_TENANT,
    private_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Key to sign with, in PEM, instead of JWT_SECRET."),
    ] = None,
) -> None:
    """Print a token, signed with JWT_SECRET or a private key, and nothing else.

    It holds until it expires, whatever happens: only a new key takes it back. Give it few scopes and a short life.
    """
    if not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
        raise typer.BadParameter(f"must be 1 to {_MAX_SUBJECT} printable characters", param_hint="--subject")
    principal = Principal(subject, tenant, _scopes(scopes))
    lifetime = _lifetime(expires)
    issuer = build_token_issuer(load_settings().settings, private_key)
    typer.echo(issuer.token(principal, now=datetime.now(UTC), lifetime=lifetime))


def _scopes(texts: list[str]) -> frozenset[Scope]:
    names = [name for text in texts for name in re.split(r"[,\s]+", text) if name]
    unknown = [name for name in names if name not in set(Scope)]
    if unknown or not names:
        raise typer.BadParameter(f"must be some of {', '.join(Scope)}", param_hint="--scopes")
    return frozenset(Scope(name) for name in names)


def _lifetime(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text)
    lifetime = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if lifetime is None or lifetime > _LONGEST:
        raise typer.BadParameter("must be like 90d, 12h, 30m or 45s, and at most 366d", param_hint="--expires")
    return lifetime
