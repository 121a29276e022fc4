"""`streetveil keys`: the keys by which alone photos that were uploaded with `reversible` can be restored."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from streetveil.bootstrap import key_folder, open_for_operators
from streetveil.cli.operator import operator
from streetveil.domain.access import DEFAULT_TENANT, is_tenant
from streetveil.domain.audit import AuditAction
from streetveil.errors import CropsKeyMissingError
from streetveil.settings import load_settings

_Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose key it is.")]


def build_app() -> typer.Typer:
    """The verbs below `streetveil keys`."""
    app = typer.Typer(help="Make, list and delete the keys that sealed crops are read with.", no_args_is_help=True)
    app.command("create")(create)
    app.command("list")(list_keys)
    app.command("delete")(delete)
    return app


def create(tenant: _Tenant = DEFAULT_TENANT) -> None:
    """Make a tenant's key, and print its id. A copy of the file is a copy of the key."""
    _check(tenant)
    typer.echo(key_folder(load_settings().settings).create(tenant))


def list_keys() -> None:
    """Print each tenant that has a key, and the key's id."""
    for tenant, key_id in key_folder(load_settings().settings).ids().items():
        typer.echo(f"{tenant}\t{key_id}")


def delete(
    tenant: _Tenant = DEFAULT_TENANT,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Delete a tenant's key: what was sealed with it can never be read again. Copies in backups are yours to delete."""
    _check(tenant)
    settings = load_settings().settings
    keys = key_folder(settings)
    if tenant not in keys.tenants():
        raise CropsKeyMissingError(f"Tenant {tenant} has no key.")
    if not yes:
        typer.confirm(f"Make all sealed crops of tenant {tenant} unreadable for ever?", abort=True)
    with open_for_operators(settings) as services:
        services.audit.record(AuditAction.DELETE_KEY, replace(operator(), tenant=tenant))
    keys.delete(tenant)


def _check(tenant: str) -> None:
    if not is_tenant(tenant):
        raise typer.BadParameter("must be 1 to 32 of a-z, 0-9 and inner hyphens", param_hint="--tenant")
