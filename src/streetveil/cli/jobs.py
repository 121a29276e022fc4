"""`streetveil jobs`: what became of jobs, and what is decided about them, for the person who operates the service."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from streetveil.bootstrap import open_for_operators
from streetveil.cli.operator import operator
from streetveil.cli.quiet import quiet_settings
from streetveil.cli.tenant import tenant_name
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import Job, JobStatus
from streetveil.domain.reports import JobFilter
from streetveil.jobs.quarantine import is_quarantined

_PAGE = 100

_Tenant = Annotated[str, typer.Option("--tenant", metavar="NAME", callback=tenant_name, help="Whose jobs.")]


def build_app() -> typer.Typer:
    """The verbs below `streetveil jobs`."""
    app = typer.Typer(help="List, show and retry jobs.", no_args_is_help=True)
    app.command("list")(list_jobs)
    app.command("show")(show)
    app.command("retry")(retry)
    app.command("release")(release)
    return app


def list_jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N jobs, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of a table.")] = False,
    tenant: _Tenant = DEFAULT_TENANT,
) -> None:
    """List jobs, newest first."""
    with open_for_operators(quiet_settings()) as services:
        jobs: list[Job] = []
        after: str | None = None
        while len(jobs) < limit:
            page = services.inspect.page(JobFilter(status=status), after, min(_PAGE, limit - len(jobs)), tenant=tenant)
            jobs += page.jobs
            after = page.next
            if after is None:
                break
    if as_json:
        for job in jobs:
            typer.echo(json.dumps(_described(job)))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "status", "created", "attempts"):
        table.add_column(heading, no_wrap=True, overflow="ignore")
    table.add_column("worker", overflow="fold")
    table.add_column("error", overflow="fold")
    for job in jobs:
        failure = f"{job.failure.code}: {job.failure.detail}" if job.failure else ""
        created = job.created_at.isoformat(timespec="seconds")
        table.add_row(job.id, job.status.value, created, str(job.attempts), job.worker_id or "", failure)
    Console().print(table)


def show(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")],
    tenant: _Tenant = DEFAULT_TENANT,
) -> None:
    """Print all that is known about a job, as JSON."""
    with open_for_operators(quiet_settings()) as services:
        job = services.inspect.job(job_id, tenant=tenant)
        original, processed = services.inspect.urls(job)
        described = _described(job) | {"original": original, "processed": processed}
        if job.held is not None:
            described["review"] = services.inspect.review_url(job)
    typer.echo(json.dumps(described, indent=2))


def retry(
    job_ids: Annotated[
        list[str] | None, typer.Argument(metavar="JOB...", help="Jobs that failed or need review.")
    ] = None,
    every: Annotated[bool, typer.Option("--all-failed", help="Retry every failed job.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also photos that ended the processes which worked on them.")
    ] = False,
    tenant: _Tenant = DEFAULT_TENANT,
) -> None:
    """Queue jobs again that failed or need review. An embedded service sees them within MAINTAIN_INTERVAL_S seconds."""
    if bool(job_ids) == every:
        raise typer.BadParameter("name jobs, or give --all-failed")
    with open_for_operators(quiet_settings()) as services:
        count = left = 0
        if job_ids:
            for job_id in job_ids:
                services.retry(job_id, tenant=tenant, force=force, by=operator())
                count += 1
        else:
            failed = JobFilter(status=JobStatus.FAILED)
            page = services.inspect.page(failed, None, _PAGE, tenant=tenant)
            while page.jobs:
                chosen = [job for job in page.jobs if force or not is_quarantined(job)]
                for job in chosen:
                    services.retry(job.id, tenant=tenant, force=force, by=operator())
                count += len(chosen)
                left += len(page.jobs) - len(chosen)
                page = services.inspect.page(failed, page.jobs[-1].id, _PAGE, tenant=tenant)
    typer.echo(f"{count} queued again." + (f" {left} in quarantine: --force retries them too." if left else ""))


def release(
    job_ids: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs that need review.")],
    tenant: _Tenant = DEFAULT_TENANT,
) -> None:
    """Hand out results that were held back, as they are. `streetveil jobs show` says where to look at one first."""
    with open_for_operators(quiet_settings()) as services:
        for job_id in job_ids:
            services.release(job_id, tenant=tenant, by=operator())
    typer.echo(f"{len(job_ids)} released.")


def _described(job: Job) -> dict[str, Any]:
    described: dict[str, Any] = {
        "job_id": job.id,
        "tenant": job.tenant,
        "status": job.status.value,
        "filename": job.filename,
        "file_size": job.file_size,
        "created_at": job.created_at.isoformat(),
        "updated_at": job.updated_at.isoformat(),
        "attempts": job.attempts,
        "worker_id": job.worker_id,
        "batch_id": job.batch_id,
        "options": job.options.as_dict(),
    }
    if job.failure is not None:
        described["error"] = {"code": job.failure.code, "detail": job.failure.detail}
    result = job.result or job.held
    if result is not None:
        described["processing_time"] = result.processing_time
        described["blur_metadata"] = dict(result.blur_metadata)
        described["detection_metadata"] = dict(result.detection_metadata)
    return described
