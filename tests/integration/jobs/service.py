"""An embedded service without an API, for `test_kill.py` to kill: recovers, submits, works until its input ends.

It prints the id of each job it accepted, once it was accepted.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import sys
import time
from pathlib import Path

import structlog

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.folder_lock import DataFolderLock
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.geometry import Orientation, Size
from streetveil.domain.options import JobOptions
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import ImageHeader
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.maintain import Maintain
from streetveil.jobs.process import AttemptPolicy, Process
from streetveil.jobs.submit import Submit, Upload
from streetveil.queue.memory import MemoryQueue
from streetveil.redaction.base import RedactedFile
from streetveil.storage.local import LocalObjectStore
from streetveil.worker.worker import Worker

HEADER = ImageHeader(ImageFormat.JPEG, Size(4, 3), Orientation.UPRIGHT)


def anonymise(data: bytes, options: JobOptions) -> Anonymised:
    time.sleep(0.002)
    blur = {"regions": [], "faces_blurred": 0, "plates_blurred": 0, "models": []}
    return Anonymised(RedactedFile(b"redacted " + data, lossless=True), HEADER, blur, {"vehicles": [], "model": None})


def main(root: Path, uploads: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    lock = DataFolderLock(root)
    lock.acquire()
    database = SqlDatabase(open_engine(sqlite_url(root / "jobs.db")))
    database.upgrade()
    storage = LocalObjectStore.open(root / "objects")
    queue = MemoryQueue()
    attempts = AttemptPolicy(most=1000)
    Maintain(database=database, storage=storage, queue=queue, attempts=attempts).recover(alone=True)
    process = Process(
        database=database, storage=storage, queue=queue, anonymise=anonymise, worker_id="w", attempts=attempts
    )
    worker = Worker(queue=queue, process=process, threads=3)
    worker.start()
    submit = Submit(database=database, storage=storage, queue=queue, max_queue_size=10_000)
    for _ in range(uploads):
        content = os.urandom(20_000)
        upload = Upload("a.jpg", io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest(), HEADER)
        sys.stdout.write(submit(upload, JobOptions(), tenant=DEFAULT_TENANT).id + "\n")
        sys.stdout.flush()
    while queue.depth() or worker.state().busy:
        time.sleep(0.01)
    worker.stop(30)
    database.close()
    lock.release()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
