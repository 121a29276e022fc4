"""`streetveil webhook`: what receivers of webhooks need."""

from __future__ import annotations

from typing import Annotated

import typer

from streetveil.bootstrap import webhook_secret
from streetveil.cli.tenant import tenant_name
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.settings import load_settings


def build_app() -> typer.Typer:
    """The verbs below `streetveil webhook`."""
    app = typer.Typer(help="Tell what receivers of webhooks need.", no_args_is_help=True)
    app.callback()(_group)
    app.command("secret")(secret)
    return app


def _group() -> None:
    """Keeps the one verb below it a verb."""


def secret(
    tenant: Annotated[
        str, typer.Option(metavar="NAME", callback=tenant_name, help="Whose receivers it is for.")
    ] = DEFAULT_TENANT,
) -> None:
    """Print the secret by which a tenant's receivers check signatures, and nothing else.

    It is made of WEBHOOK_SECRET and the tenant's name. Give it to nobody else, and WEBHOOK_SECRET itself to nobody.
    """
    typer.echo(webhook_secret(load_settings().settings, tenant))
