"""`streetveil keys`: the keys by which alone photos that were uploaded with `reversible` can be restored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from streetveil.bootstrap import key_folder, open_for_operators
from streetveil.cli.operator import operator
from streetveil.cli.quiet import quiet_settings
from streetveil.cli.tenant import tenant_name
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.audit import AuditAction
from streetveil.errors import CropsKeyMissingError
from streetveil.settings import Settings, load_settings

if TYPE_CHECKING:
    from streetveil.crops.keys import KeyFolder

_Tenant = Annotated[str, typer.Option(metavar="NAME", callback=tenant_name, help="Whose key it is.")]


def build_app() -> typer.Typer:
    """The verbs below `streetveil keys`."""
    app = typer.Typer(help="Make, rotate, list and delete the keys of sealed crops.", no_args_is_help=True)
    app.command("create")(create)
    app.command("rotate")(rotate)
    app.command("list")(list_keys)
    app.command("delete")(delete)
    return app


def create(tenant: _Tenant = DEFAULT_TENANT) -> None:
    """Make a tenant's key, and print its id. A copy of the file is a copy of the key."""
    typer.echo(key_folder(load_settings().settings).create(tenant))


def rotate(tenant: _Tenant = DEFAULT_TENANT) -> None:
    """Make a tenant a new key that seals from now on, and print its id. Its old ones still open what they sealed."""
    settings = quiet_settings()
    keys = _keys_of(tenant, settings)
    _record(AuditAction.ROTATE_KEY, tenant, settings)
    typer.echo(keys.rotate(tenant))


def list_keys() -> None:
    """Print each tenant that has a key, and the key's id; behind it those of older keys."""
    for tenant, ids in key_folder(load_settings().settings).ids().items():
        typer.echo("\t".join([tenant, *ids]))


def delete(
    tenant: _Tenant = DEFAULT_TENANT,
    old: Annotated[bool, typer.Option("--old", help="Only keys that a rotation replaced.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Delete a tenant's key: what was sealed with it can never be read again. Copies in backups are yours to delete."""
    settings = quiet_settings()
    keys = _keys_of(tenant, settings)
    which = "that were sealed before the last rotation" if old else "of all times"
    if not yes:
        typer.confirm(f"Make sealed crops of tenant {tenant} {which} unreadable for ever?", abort=True)
    _record(AuditAction.DELETE_KEY, tenant, settings, what="old" if old else "all")
    if old:
        keys.delete_old(tenant)
    else:
        keys.delete(tenant)


def _keys_of(tenant: str, settings: Settings) -> KeyFolder:
    keys = key_folder(settings)
    if tenant not in keys.tenants():
        raise CropsKeyMissingError(f"Tenant {tenant} has no key.")
    return keys


def _record(action: AuditAction, tenant: str, settings: Settings, **details: str) -> None:
    """Tells the audit log before it is done: what cannot be recorded is not done."""
    with open_for_operators(settings) as services:
        services.audit.record(action, replace(operator(), tenant=tenant), **details)
