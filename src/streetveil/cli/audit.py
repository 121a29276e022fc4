"""`streetveil audit`: who did what to which job, and proof that nobody changed the record of it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from streetveil.bootstrap import open_for_operators
from streetveil.cli.operator import operator
from streetveil.cli.quiet import quiet_settings
from streetveil.cli.text import visible
from streetveil.domain.audit import AuditHead, AuditRecord

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def build_app() -> typer.Typer:
    """The verbs below `streetveil audit`."""
    app = typer.Typer(help="Show and verify who did what to which job.", no_args_is_help=True)
    for verb in (verify, head, prove, prune, export):
        app.command()(verb)
    app.command("list")(list_records)
    return app


def verify(
    noted: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="NUMBER:HASH", help="What `audit head` printed once: it must still be there."),
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="NUMBER:HASH", help="Begin after this record, not at the first.")
    ] = None,
    until: Annotated[int | None, typer.Option(min=1, metavar="NUMBER", help="Look at none after this one.")] = None,
) -> None:
    """Say whether records were changed, left out or moved; the exit code is 1 where they were."""
    heads = [_head(text) for text in noted or []]
    begin = _head(after) if after else None
    with open_for_operators(quiet_settings()) as services:
        verdict = services.audit_log.verify(after=begin, until=until, noted=heads)
    for fault in verdict.faults:
        typer.echo(f"record {fault.number}: {fault.what}")
    typer.echo(
        f"{verdict.records} records after {verdict.begin.number}, {len(verdict.faults) or 'no'} faults; "
        f"{verdict.waiting} events wait to be sealed."
    )
    typer.echo(f"head {verdict.head}")
    if verdict.faults:
        raise typer.Exit(1)


def head() -> None:
    """Print number and hash of the last record. Note it elsewhere: it shows later that none was taken off the end."""
    with open_for_operators(quiet_settings()) as services:
        typer.echo(str(services.audit_log.head()))


def list_records(
    job_id: Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only what was done to this job.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="At most N records, newest first.")] = 50,
) -> None:
    """List records, newest first."""
    with open_for_operators(quiet_settings()) as services:
        records = services.audit_log.newest(limit, job_id=job_id)
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "at", "action", "job"):
        table.add_column(heading, no_wrap=True, overflow="ignore")
    for heading in ("tenant", "by", "from", "outcome"):
        table.add_column(heading, overflow="fold")
    for record in records:
        event = record.event
        at = event.at.isoformat(timespec="seconds")
        cells = (record.number, at, event.action, event.job_id, event.tenant, event.actor, event.origin, event.outcome)
        table.add_row(*("" if cell is None else visible(cell) for cell in cells))
    Console(markup=False).print(table)


def export(
    after: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Only records after this one.")] = 0,
) -> None:
    """Print all records, oldest first, one JSON object per line."""
    with open_for_operators(quiet_settings()) as services:
        for record in services.audit_log.records(after):
            typer.echo(json.dumps(_described(record)))


def prove(job_id: Annotated[str, typer.Argument(metavar="JOB", help="Id of an erased job.")]) -> None:
    """Prove that nothing is left of a job, after a new look at database and storage. Exit code 1: something is."""
    with open_for_operators(quiet_settings()) as services:
        proof = services.prove_erasure(job_id)
    described = {
        "job_id": proof.job_id,
        "erased": not proof.problems,
        "problems": list(proof.problems),
        "erased_at": None if proof.erased_at is None else proof.erased_at.isoformat(),
        "looked_at": datetime.now(UTC).isoformat(),
        "objects_looked_for": list(proof.objects),
        "records": [_described(record) for record in proof.records],
        "events_not_sealed": len(proof.waiting),
    }
    typer.echo(json.dumps(described, indent=2))
    if proof.problems:
        raise typer.Exit(1)


def prune(
    days: Annotated[float, typer.Option("--older-than-days", min=0, metavar="DAYS", help="How old, at least.")],
) -> None:
    """Remove old records, and record that. Export them first: the rest is verified from the last one removed on."""
    with open_for_operators(quiet_settings()) as services:
        count = services.audit_log.prune(datetime.now(UTC) - timedelta(days=days), operator())
    typer.echo(f"{count} records removed.")


def _head(text: str) -> AuditHead:
    match = _HEAD.fullmatch(text)
    if match is None:
        raise typer.BadParameter("a head is NUMBER:HASH, as `streetveil audit head` prints it")
    return AuditHead(int(match[1]), match[2])


def _described(record: AuditRecord) -> dict[str, Any]:
    event = record.event
    return {
        "number": record.number,
        "at": event.at.isoformat(),
        "action": event.action,
        "job_id": event.job_id,
        "tenant": event.tenant,
        "actor": event.actor,
        "origin": event.origin,
        "outcome": event.outcome,
        "details": dict(event.details),
        "id": event.id,
        "previous": record.previous,
        "hash": record.hash,
    }
