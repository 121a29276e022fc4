"""The name of a tenant, as the verbs take it."""

from __future__ import annotations

import typer

from streetveil.domain.access import is_tenant


def tenant_name(name: str | None) -> str | None:
    """A name that a tenant can have, or none; a callback of an option.

    Raises:
        typer.BadParameter: no tenant can have it.
    """
    if name is not None and not is_tenant(name):
        raise typer.BadParameter("must be 1 to 32 of a-z, 0-9 and inner hyphens")
    return name
