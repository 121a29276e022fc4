"""`streetveil maintain`: finds what got lost, as workers do now and then by themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from streetveil.bootstrap import open_for_operators
from streetveil.cli.quiet import quiet_settings
from streetveil.errors import ConfigurationError


def maintain(
    once: Annotated[bool, typer.Option("--once", help="Do it now and end.")] = False,
) -> None:
    """Queue lost jobs again, finish erasures, expire what is old, remove objects that belong to no job.

    Workers do the same by themselves; this is for the impatient and for schedulers.
    """
    if not once:
        raise typer.BadParameter("give --once; workers maintain continually by themselves")
    settings = quiet_settings()
    if settings.redis_url is None:
        raise ConfigurationError("REDIS_URL is not set: the embedded service maintains itself while it runs.")
    with open_for_operators(settings) as services:
        recovery = services.maintain.recover()
    typer.echo(
        f"{recovery.requeued} jobs queued again, {recovery.failed} given up, "
        f"{recovery.erased} erasures finished, {recovery.orphans} orphaned objects removed."
    )
