"""A worker process of its own, which works on every id for ever: `consumer_process.py URL NAMESPACE THREADS`."""

import sys
import time

from streetveil.queue.dramatiq_queue import DramatiqQueue


def handle(job_id: str) -> None:
    sys.stdout.write(f"{job_id}\n")  # at once, unlike print: there are several threads
    sys.stdout.flush()
    time.sleep(3600)


if __name__ == "__main__":
    url, namespace, threads = sys.argv[1:]
    DramatiqQueue(url, namespace=namespace).consume(handle, threads=int(threads))
    time.sleep(3600)
