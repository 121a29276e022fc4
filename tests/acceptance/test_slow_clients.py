"""A thousand slow clients beside one that works: `streetveil serve` as it is started, over real sockets."""

import asyncio
import contextlib
import resource
import threading
from pathlib import Path

import httpx
import pytest
from tests.acceptance.conftest import PATIENCE_S, wait_for

SLOW = 1000
BODY = (
    b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
)


class SlowClients:
    """Connections that say their piece slowly, for ever; each that is cut comes again."""

    def __init__(self, port):
        self._port = port
        self.open = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    async def _all(self):
        clients = [asyncio.create_task(self._client(number)) for number in range(SLOW)]
        await asyncio.to_thread(self._stop.wait)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _client(self, number):
        begin, piece = [(b"", b""), (b"GET /jobs HTTP/1.1\r\nX: ", b"x"), (BODY, b"\xff")][number % 3]
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                self.open += 1
                try:
                    writer.write(begin)
                    await self._dribble(reader, writer, piece)
                finally:
                    self.open -= 1
                    writer.transport.abort()
            await asyncio.sleep(0.5)

    @staticmethod
    async def _dribble(reader, writer, piece):
        while not reader.at_eof():
            writer.write(piece)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await reader.read(65536)


@pytest.fixture
def room_for_sockets():
    """This process is a thousand clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, SLOW + 1024), hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def descriptors(service):
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


def test_a_thousand_slow_clients_keep_nobody_else_waiting(start_service, tmp_path, small_photo, room_for_sockets):
    # All comes from this machine: the slow from one address, whoever works from another.
    limits = {"MAX_CONNECTIONS": "400", "MAX_UPLOADS_PER_CLIENT": "50", "HEADER_TIMEOUT_S": "2", "IDLE_TIMEOUT_S": "3"}
    service = start_service(tmp_path / "data", **limits)
    before = descriptors(service)
    photo = small_photo.read_bytes()
    with (
        httpx.Client(
            base_url=service.client.base_url,
            timeout=PATIENCE_S,
            transport=httpx.HTTPTransport(local_address="127.0.0.2", retries=0),
        ) as client,
        SlowClients(service.client.base_url.port) as slow,
    ):
        wait_for(lambda: slow.open >= 350, "slow clients are there")
        for _ in range(3):
            assert client.get("/health/live").status_code == 200
            uploaded = client.post("/upload", files={"file": ("a.jpg", photo)})
            assert uploaded.status_code == 202, uploaded.text
            redacted = client.post("/redact", files={"file": ("a.jpg", photo)}, data={"profile": "fast"})
            assert redacted.status_code == 200, redacted.text
            job = f"/status/{uploaded.json()['job_id']}"
            wait_for(lambda job=job: client.get(job).json()["status"] == "completed", "the job is done")
        assert slow.open >= 250
        assert descriptors(service) < before + 400 + 50 + 100

    wait_for(lambda: descriptors(service) <= before + 20, "all connections are gone")
    assert service.spool() == []
    assert [line for line in service.log() if line.get("level") in {"error", "critical"}] == []
    assert service.stop() == 0
