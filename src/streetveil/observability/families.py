"""Every metric there is: its name, type, labels and meaning. docs/metrics.md explains them to operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its labels.

    Attributes:
        name: as Prometheus knows it, `_total` of counters included.
        labels: each takes few values, known beforehand: no id, no tenant, no path.
        buckets: upper bounds of a histogram's buckets; the one without bound is added.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# A minute is the objective (docs/reliability.md): fine around it, coarse beyond.
_JOB_S = (0.25, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 75, 90, 120, 300, 600, 1800, 3600)
_STAGE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_RUN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_CALL_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REQUEST_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# What happens in this process.
UPLOADS = Family(
    "streetveil_uploads_total", "counter", "Photos handed in, by how that ended.", labels=("result", "code")
)
JOBS = Family("streetveil_jobs_total", "counter", "Jobs that ended here, by how.", labels=("status", "code"))
RETRIES = Family(
    "streetveil_job_retries_total", "counter", "Attempts that are made again, by why they ended.", labels=("code",)
)
END_TO_END = Family(
    "streetveil_end_to_end_seconds", "histogram", "From a job's submission to its result.", buckets=_JOB_S
)
STAGE = Family(
    "streetveil_stage_seconds",
    "histogram",
    "Each stage of the way of a photo.",
    labels=("stage",),
    buckets=_STAGE_S,
)
DETECTIONS = Family(
    "streetveil_detections_per_photo",
    "histogram",
    "Objects found in a photo in which they were looked for.",
    labels=("class", "model", "version"),
    buckets=(0, 1, 2, 3, 5, 10, 20, 50, 100),
)
CONFIDENCE = Family(
    "streetveil_detection_confidence",
    "histogram",
    "Score of each object that was found.",
    labels=("class", "model", "version"),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1),
)
INFERENCE = Family(
    "streetveil_inference_seconds",
    "histogram",
    "One run of a model.",
    labels=("model", "version"),
    buckets=_RUN_S,
)
BATCH = Family(
    "streetveil_inference_batch_size",
    "histogram",
    "Pictures, or pieces of them, in one run of a model.",
    labels=("model", "version"),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
STORAGE = Family(
    "streetveil_storage_operation_seconds",
    "histogram",
    "Calls to storage.",
    labels=("operation", "result"),
    buckets=_CALL_S,
)
DATABASE = Family(
    "streetveil_database_operation_seconds",
    "histogram",
    "Transactions of the database, and reading ones.",
    labels=("operation", "result"),
    buckets=_CALL_S,
)
QUEUE = Family(
    "streetveil_queue_operation_seconds",
    "histogram",
    "Calls to the queue.",
    labels=("operation", "result"),
    buckets=_CALL_S,
)
REQUESTS = Family(
    "streetveil_http_requests_total", "counter", "Requests answered.", labels=("method", "route", "status")
)
REQUEST_S = Family(
    "streetveil_http_request_seconds",
    "histogram",
    "From a request's head to the end of its answer.",
    labels=("method", "route"),
    buckets=_REQUEST_S,
)
REQUESTS_NOW = Family("streetveil_http_requests_in_progress", "gauge", "Requests that are being answered.")
LIMITED = Family(
    "streetveil_limit_refusals_total", "counter", "What was turned away because it was too much.", labels=("limit",)
)
WEBHOOKS = Family(
    "streetveil_webhook_deliveries_total",
    "counter",
    "Tries to deliver a webhook's message, by what became of it.",
    labels=("result", "code"),
)
BUILD = Family(
    "streetveil_build_info",
    "gauge",
    "Always 1; the labels say what runs here.",
    labels=("version", "python_version", "component"),
)

# What is asked when the metrics are.
THREADS = Family("streetveil_worker_threads", "gauge", "Photos that this process works on at once, at most.")
BUSY = Family("streetveil_worker_busy_threads", "gauge", "Photos that this process works on now.")
CHILDREN = Family("streetveil_photo_processes", "gauge", "Child processes that photos are decoded in.")
CHILDREN_CPU = Family(
    "streetveil_photo_processes_cpu_seconds_total", "counter", "Processor time of the child processes."
)
CHILDREN_MEMORY = Family(
    "streetveil_photo_processes_resident_memory_bytes", "gauge", "Resident memory of the child processes, summed."
)
CRASHES = Family(
    "streetveil_photo_process_crashes_total", "counter", "Photos that ended their child process, or had it ended."
)
DISK_FREE = Family("streetveil_data_dir_free_bytes", "gauge", "Free space where the data folder is.")
DISK_SIZE = Family("streetveil_data_dir_size_bytes", "gauge", "Size of the file system where the data folder is.")
GPU_USE = Family("streetveil_gpu_utilization_ratio", "gauge", "Part of the last moment that a GPU was busy.", ("gpu",))
GPU_MEMORY = Family("streetveil_gpu_memory_used_bytes", "gauge", "Memory of a GPU in use.", labels=("gpu",))
GPU_MEMORY_SIZE = Family("streetveil_gpu_memory_size_bytes", "gauge", "Memory of a GPU.", labels=("gpu",))

# What all processes share; each API process tells the same.
SHARED_UP = Family("streetveil_shared_state_up", "gauge", "1 where queue and database could be asked, else 0.")
DEPTH = Family("streetveil_queue_depth", "gauge", "Ids of jobs that wait in the queue.")
CAPACITY = Family("streetveil_queue_capacity", "gauge", "Waiting jobs from which on uploads are refused.")
OLDEST = Family(
    "streetveil_oldest_job_age_seconds", "gauge", "For how long the oldest submitted job has waited; 0: none waits."
)
IN_STATE = Family("streetveil_jobs_in_state", "gauge", "Jobs that wait or are worked on now.", labels=("status",))
WORKERS = Family("streetveil_workers", "gauge", "Worker processes that gave a sign of life in the last minutes.")
WEBHOOKS_PENDING = Family("streetveil_webhooks_pending", "gauge", "Messages of webhooks that are still to be sent.")
WEBHOOKS_OVERDUE = Family(
    "streetveil_webhooks_overdue_seconds", "gauge", "For how long the one that was due first has been; 0: none is due."
)
UNSEALED = Family("streetveil_audit_unsealed_events", "gauge", "Events of the audit log that are not sealed yet.")
SEAL_LAG = Family(
    "streetveil_audit_seal_lag_seconds", "gauge", "For how long the oldest of them has waited; 0: none waits."
)
DEPENDENCY = Family(
    "streetveil_dependency_up", "gauge", "1 where what the service needs works, else 0.", labels=("dependency",)
)
DEPENDENCY_CODE = Family(
    "streetveil_dependency_failing", "gauge", "1 for what does not work now, and why.", labels=("dependency", "code")
)

FAMILIES: tuple[Family, ...] = (
    UPLOADS, JOBS, RETRIES, END_TO_END, STAGE,
    DETECTIONS, CONFIDENCE, INFERENCE, BATCH,
    STORAGE, DATABASE, QUEUE,
    REQUESTS, REQUEST_S, REQUESTS_NOW, LIMITED, WEBHOOKS, BUILD,
    THREADS, BUSY, CHILDREN, CHILDREN_CPU, CHILDREN_MEMORY, CRASHES, DISK_FREE, DISK_SIZE,
    GPU_USE, GPU_MEMORY, GPU_MEMORY_SIZE,
    SHARED_UP, DEPTH, CAPACITY, OLDEST, IN_STATE, WORKERS,
    WEBHOOKS_PENDING, WEBHOOKS_OVERDUE, UNSEALED, SEAL_LAG, DEPENDENCY, DEPENDENCY_CODE,
)  # fmt: skip
