"""Uploads share few threads, and too many are refused before they are read."""

import anyio
import pytest
from anyio.to_thread import run_sync

from streetveil.api.upload_threads import UploadThreads
from streetveil.errors import OverloadedError


def test_whoever_would_wait_behind_too_many_is_refused_until_they_are_done():
    async def scenario() -> None:
        threads = UploadThreads(threads=1, waiting=2)
        release = anyio.Event()

        async def upload() -> None:
            async with threads.limiter:
                await release.wait()

        async with anyio.create_task_group() as group:
            group.start_soon(upload)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(upload)
            await anyio.wait_all_tasks_blocked()
            threads.ensure_room()
            group.start_soon(upload)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(OverloadedError) as refusal:
                threads.ensure_room()
            assert refusal.value.retry_after_s > 0
            assert refusal.value.limit == "waiting_uploads"
            release.set()
        threads.ensure_room()
        assert await run_sync(lambda: "stored", limiter=threads.limiter) == "stored"

    anyio.run(scenario)
