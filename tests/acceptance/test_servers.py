"""API and workers as processes of their own, over a real MariaDB, Redis and S3 store, as operators meet them."""

import json
import shutil
import signal
from contextlib import contextmanager

import httpx
import pytest
import redis
from tests.acceptance.conftest import wait_for
from tests.support.chaos.cluster import Cluster, Shape, readiness, wait_until_ready
from tests.support.fault_proxy import Fault
from tests.support.http_stub import Answer, HttpStub
from tests.support.metrics import values
from tests.support.otlp import Collector
from tests.support.ports import free_port

SECRET = "a-pa55-nobody-should-see"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, environment):
    """One API and one worker that tests share; each leaves it as it was but for its own jobs."""
    with Cluster(tmp_path_factory.mktemp("servers"), Shape(apis=1, workers=1), environment) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with httpx.Client(base_url=cluster.urls[0], timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def bucket(cluster):
    return cluster.bucket()


@pytest.fixture
def no_worker(cluster):
    """The shared worker is stopped for the length of a test."""
    cluster.workers[0].terminate()
    yield
    cluster.workers[0].start()


@contextmanager
def worker_of_its_own(cluster, name, **variables):
    """A worker process and the address of its health."""
    worker, url = cluster.new_worker(name, **variables)
    worker.start()
    try:
        yield worker, url
    finally:
        worker.kill()


def submit(client, photo, number=0):
    """Uploads a photo that differs in its bytes from all others; the job's id."""
    data = photo.read_bytes() + bytes([number])
    answer = client.post("/upload", files={"file": ("street.jpg", data)})
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


def status_of(client, job_id):
    return client.get(f"/status/{job_id}").json()


def ended(client, job_id):
    """The status of a job once it is completed or failed."""
    wait_for(lambda: status_of(client, job_id)["status"] in {"completed", "failed"}, f"job {job_id} ends")
    return status_of(client, job_id)


def test_a_photo_goes_through_all_servers(cluster, client, bucket, small_photo):
    job_id = submit(client, small_photo)
    state = ended(client, job_id)

    assert state["status"] == "completed", state
    assert state["results"]["blur_metadata"]["faces_blurred"] == 2
    place = f"s3://{cluster.s3.BUCKET}"
    assert state["results"]["original_image_path"] == f"{place}/original/{job_id}.jpg"
    assert state["results"]["processed_image_path"] == f"{place}/processed/{job_id}.jpg"
    stored = bytes(bucket.get(f"processed/{job_id}.jpg").bytes())
    assert client.get(f"/jobs/{job_id}/image").content == stored != small_photo.read_bytes()
    assert json.loads(bytes(bucket.get(f"metadata/{job_id}.json").bytes()))["job_id"] == job_id

    assert client.delete(f"/jobs/{job_id}").status_code == 204
    assert not [item for chunk in bucket.list() for item in chunk if job_id in item["path"]]


def test_operators_see_the_same_jobs_on_the_command_line(cluster, client, small_photo):
    job_id = submit(client, small_photo)
    ended(client, job_id)
    shown = cluster.run("jobs", "show", job_id)
    assert json.loads(shown.stdout)["status"] == "completed", shown.stderr
    assert cluster.run("db", "check").returncode == 0
    assert "0 orphaned" in cluster.run("maintain", "--once").stdout


def metrics_of(url):
    return values(httpx.get(f"{url}/metrics").raise_for_status().text)


def test_each_process_counts_what_it_did_itself_and_the_api_tells_what_all_share(cluster, client, small_photo):
    def done(metrics):
        return metrics["streetveil_jobs_total", ("none", "completed")]

    before = done(metrics_of(cluster.health_urls[0]))
    ended(client, submit(client, small_photo, 91))
    # it counts a job once its row says how it ended
    wait_for(lambda: done(metrics_of(cluster.health_urls[0])) == before + 1, "the worker counts the job")
    api, worker = metrics_of(cluster.urls[0]), metrics_of(cluster.health_urls[0])

    assert worker["streetveil_stage_seconds_sum", ("faces",)] > 0
    inference = [value for (name, _), value in worker.items() if name == "streetveil_inference_seconds_count"]
    assert sum(inference) > 0
    assert worker["streetveil_photo_processes_cpu_seconds_total", ()] > 0
    assert worker["streetveil_storage_operation_seconds_count", ("get", "ok")] > 0
    assert ("streetveil_worker_busy_threads", ()) in worker
    assert ("streetveil_queue_depth", ()) not in worker

    assert api["streetveil_http_requests_total", ("POST", "/upload", "202")] >= 1
    assert api["streetveil_shared_state_up", ()] == 1
    assert api["streetveil_queue_depth", ()] == 0
    assert api["streetveil_dependency_up", ("storage",)] == 1
    assert ("streetveil_jobs_total", ("none", "completed")) not in api


def figures(url):
    """Those of `/stats` that stand still while nothing happens, and those of `/queue-status`."""
    stats, queue = httpx.get(f"{url}/stats").json(), httpx.get(f"{url}/queue-status").json()
    del stats["timestamp"], stats["throughput"]["last_minute"]
    workers = [(worker["worker_id"], worker["completed"]) for worker in stats.pop("workers")]
    return stats, workers, queue["queue_depth"], queue["oldest_job_age_seconds"] is None


def test_each_api_process_tells_the_same_figures_also_after_a_restart(cluster, client, small_photo):
    other, url = cluster.new_api("api-other")
    other.start()
    try:
        wait_until_ready(other, url)
        before = figures(url)[0]["jobs"]["completed"]
        with httpx.Client(base_url=url, timeout=60) as second:
            for number in (71, 72):
                ended(client, submit(client, small_photo, number))
                ended(second, submit(second, small_photo, number + 10))

        told = figures(cluster.urls[0])
        assert told == figures(url)
        stats, workers, depth, none_waits = told
        assert stats["jobs"]["completed"] == before + 4
        assert stats["latency"]["p99"] >= stats["latency"]["p50"] > 0
        assert stats["throughput"]["last_hour"] == pytest.approx((before + 4) / 3600)
        assert sum(completed for _, completed in workers) == stats["jobs"]["completed"]
        assert stats["confidence"]["face"]["objects"] >= 8
        assert (depth, none_waits, stats["queue_depth"]) == (0, True, 0)

        other.kill()
        other.start()
        wait_until_ready(other, url)
        assert figures(url) == told
        operators = json.loads(cluster.run("status", "--json").stdout)
        assert operators["stats"]["jobs"] == stats["jobs"]
        assert operators["queue"]["queue_depth"] == 0
    finally:
        other.kill()


@pytest.mark.usefixtures("no_worker")
def test_one_trace_and_one_request_id_lead_from_the_api_to_the_worker(cluster, small_photo):
    with Collector() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
        api, url = cluster.new_api("api-traced", **variables)
        api.start()
        try:
            with worker_of_its_own(cluster, "worker-traced", **variables) as (worker, _):
                wait_until_ready(api, url)
                files = {"file": ("street.jpg", small_photo.read_bytes() + b"traced")}
                with httpx.Client(base_url=url, timeout=60) as client:
                    job_id = client.post("/upload", files=files, headers={"X-Request-ID": "r-traced"}).json()["job_id"]
                    assert ended(client, job_id)["status"] == "completed"
                assert worker.terminate() == 0
                assert api.terminate() == 0
        finally:
            api.kill()
        [process] = [span for span in collector.spans() if span.attributes.get("streetveil.job_id") == job_id]
        [upload] = [span for span in collector.spans() if span.id == process.parent]
        stages = [span.name for span in collector.spans() if span.parent == process.id]
    assert (upload.name, upload.service, process.service) == ("POST /upload", "streetveil-api", "streetveil-worker")
    assert upload.trace == process.trace
    assert stages[:3] == ["claim", "fetch", "decode"]
    assert stages[-2:] == ["store", "record"]
    assert {"faces", "redact"} <= set(stages)
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if job_id in line]
    assert [(line["event"], line["request_id"], line["tenant"]) for line in lines] == [
        ("job_completed", "r-traced", "default")
    ]
    assert upload.trace in lines[0]["traceparent"]


@pytest.fixture(scope="module")
def databases(cluster):
    """Databases that cannot be used, by what is wrong with them."""
    root = cluster.database
    root.url("empty")
    newer = root.url("newer")
    assert cluster.run("db", "upgrade", DATABASE_URL=newer).returncode == 0
    root.execute("UPDATE newer.alembic_version SET version_num = '9999'")
    root.execute(f"CREATE USER app@'%' IDENTIFIED BY '{SECRET}'; GRANT ALL ON streetveil.* TO app@'%'")
    at = f"127.0.0.1:{root.port}"
    return {
        "no schema": f"mysql+pymysql://root@{at}/empty",
        "newer schema": f"mysql+pymysql://root@{at}/newer",
        "wrong password": f"mysql+pymysql://app:{SECRET}x@{at}/streetveil",
        "no database": f"mysql+pymysql://root@{at}/nowhere",
        "nobody there": f"mysql+pymysql://app:{SECRET}@127.0.0.1:{free_port()}/streetveil",
    }


REFUSALS = [
    ("no schema", ("schema_mismatch", "streetveil db upgrade")),
    ("newer schema", ("schema_mismatch", "9999", "newer version")),
    ("wrong password", ("invalid_configuration", "app", "password", "DATABASE_URL")),
    ("no database", ("invalid_configuration", "nowhere", "DATABASE_URL")),
    ("nobody there", ("database_unavailable", "DATABASE_URL")),
]


@pytest.mark.parametrize(("what", "told"), REFUSALS, ids=[what for what, _ in REFUSALS])
def test_a_database_that_cannot_be_used_is_told_at_the_start(cluster, databases, what, told):
    ran = cluster.run("serve", "--port", "0", DATABASE_URL=databases[what], STARTUP_TIMEOUT_S="0.1")
    refused(ran, told)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"AWS_SECRET_ACCESS_KEY": SECRET}, ("AWS_SECRET_ACCESS_KEY",)),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, ("AWS_ACCESS_KEY_ID",)),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:1"}, ("S3_ENDPOINT_URL",)),
        ({"REDIS_URL": f"redis://:{SECRET}@127.0.0.1:1/0"}, ("queue_unavailable", "Redis")),
    ],
    ids=["wrong secret", "unknown key", "S3 is not there", "Redis is not there"],
)
def test_a_server_that_cannot_be_used_is_told_at_the_start(cluster, variables, told):
    ran = cluster.run("serve", "--port", "0", STARTUP_TIMEOUT_S="0.1", **variables)
    refused(ran, told)


def test_a_missing_bucket_is_told_at_the_start(cluster):
    # SeaweedFS makes missing buckets by itself; this is how AWS answers.
    body = b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
    with HttpStub(lambda _: Answer(404, body, {"Content-Type": "application/xml"})) as store:
        ran = cluster.run(
            "serve", "--port", "0", S3_BUCKET="no-such", S3_ENDPOINT_URL=store.endpoint, STARTUP_TIMEOUT_S="0.1"
        )
    refused(ran, ("no-such", "S3_BUCKET"))


def refused(ran, told):
    assert ran.returncode == 3, ran.stderr
    output = ran.stdout + ran.stderr
    last = ran.stderr.strip().splitlines()[-1]
    assert [word for word in told if word not in last] == [], output
    assert SECRET not in output
    assert "Traceback" not in output


def test_a_worker_with_a_wrong_schema_ends_as_the_service_does(cluster, databases):
    ran = cluster.run("worker", DATABASE_URL=databases["no schema"], STARTUP_TIMEOUT_S="0.1")
    refused(ran, ("streetveil db upgrade",))


def test_readiness_shows_a_database_that_became_read_only_and_nothing_is_accepted(cluster, databases, small_photo):
    at = f"127.0.0.1:{cluster.database.port}"
    api, url = cluster.new_api("read-only", DATABASE_URL=f"mysql+pymysql://app:{SECRET}@{at}/streetveil")
    api.start()
    try:
        wait_until_ready(api, url)
        cluster.database.execute("SET GLOBAL read_only = 1")
        try:
            body = unready(url)
            answer = httpx.post(f"{url}/upload", files={"file": ("a.jpg", small_photo.read_bytes())}, timeout=60)
        finally:
            cluster.database.execute("SET GLOBAL read_only = 0")
        assert "read-only" in json.dumps(body)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert SECRET not in json.dumps(body) + answer.text + api.tail(100_000)
        wait_until_ready(api, url)
    finally:
        api.kill()


@pytest.mark.parametrize("name", ["database", "queue", "storage"])
def test_readiness_names_what_is_down_until_it_is_back(cluster, name):
    url = cluster.urls[0]
    wait_until_ready(cluster.apis[0], url)
    with down(cluster, name):
        states = unready(url)["dependencies"]
        assert {key for key, state in states.items() if not state["ok"]} == {name}, states
    wait_for(lambda: readiness(url)[0] == 200, "the service is ready again")


def unready(url):
    """What readiness tells once it is 503; an answer may be some seconds old."""
    return wait_for(lambda: (answer := readiness(url))[0] == 503 and answer[1], "readiness is 503")


@contextmanager
def down(cluster, name):
    if name == "storage":
        with cluster.s3_proxy.fault(Fault.RESET):
            yield
        return
    server = {"database": cluster.database, "queue": cluster.redis}[name]
    server.kill()
    try:
        yield
    finally:
        server.start()


@pytest.mark.usefixtures("no_worker")
def test_a_worker_without_its_models_takes_no_jobs_and_begins_when_they_come(
    cluster, client, cache, small_photo, tmp_path
):
    job_id = submit(client, small_photo)
    with worker_of_its_own(cluster, "without-models", STREETVEIL_CACHE=str(tmp_path / "cache")) as (worker, url):
        wait_for(lambda: "reason" in readiness(url)[1] and "missing" in str(readiness(url)[1]["reason"]), "a reason")
        status, body = readiness(url)
        assert status == 503
        assert "streetveil models pull" in body["reason"]
        assert "model_missing" in body["reason"]
        assert httpx.get(f"{url}/health/live").status_code == 200
        assert worker.ended_by_itself() is None
        assert status_of(client, job_id)["status"] == "submitted"
        assert client.get("/queue-status").json()["queue_depth"] == 1
        shutil.copytree(cache.root, tmp_path / "cache")
        wait_until_ready(worker, url)
        assert ended(client, job_id)["status"] == "completed"


@pytest.mark.usefixtures("no_worker")
def test_sigterm_lets_a_worker_finish_its_job_and_leaves_the_others_to_the_next(cluster, client, small_photo):
    jobs = [submit(client, small_photo, number) for number in range(8)]
    with worker_of_its_own(cluster, "leaves") as (worker, _):
        wait_for(lambda: any(status_of(client, job)["status"] != "submitted" for job in jobs), "a job has begun")
        assert worker.terminate() == 0
    after = [status_of(client, job)["status"] for job in jobs]
    assert "processing" not in after
    with worker_of_its_own(cluster, "comes"):
        assert {ended(client, job)["status"] for job in jobs} == {"completed"}
    listed = {job["job_id"]: job["attempts"] for job in client.get("/jobs", params={"limit": 100}).json()["jobs"]}
    assert [listed[job] for job in jobs] == [1] * len(jobs)


@pytest.mark.usefixtures("no_worker")
def test_a_killed_workers_job_is_done_by_another(cluster, client, small_photo):
    with worker_of_its_own(cluster, "dies") as (worker, url):
        wait_until_ready(worker, url)
        worker.pause()
        job_id = submit(client, small_photo)
        worker.resume()
        wait_for(lambda: status_of(client, job_id)["status"] != "submitted", "the job has begun")
        worker.kill()
    with worker_of_its_own(cluster, "takes over"):
        assert ended(client, job_id)["status"] == "completed"


@pytest.mark.usefixtures("no_worker")
def test_a_job_whose_original_is_gone_fails_and_works_when_it_is_back(cluster, client, bucket, small_photo):
    job_id = submit(client, small_photo)
    original = bytes(bucket.get(f"original/{job_id}.jpg").bytes())
    bucket.delete(f"original/{job_id}.jpg")
    with worker_of_its_own(cluster, "finds-nothing"):
        state = ended(client, job_id)
        assert state["status"] == "failed"
        assert state["error"]["code"] == "object_missing"
        bucket.put(f"original/{job_id}.jpg", original)
        retried = cluster.run("jobs", "retry", job_id)
        assert retried.returncode == 0, retried.stderr
        assert ended(client, job_id)["status"] == "completed"


def test_a_message_of_an_unknown_version_waits_for_newer_workers_and_stops_nobody(cluster, client, small_photo):
    before = len(cluster.workers[0].tail(1 << 24))
    with redis.Redis.from_url(cluster.redis.url) as queue:
        name = "image_processing_queue"
        fields = {"job_id": "from-the-future", "version": 99}
        options = {"redis_message_id": "future"}
        message: dict[str, object] = {"queue_name": name, "actor_name": "process_image", "args": [], "kwargs": fields}
        message |= {"options": options, "message_id": "m", "message_timestamp": 1}
        queue.hset(f"dramatiq:{name}.msgs", "future", json.dumps(message))
        queue.rpush(f"dramatiq:{name}", "future")
        worker = cluster.workers[0]
        wait_for(lambda: "message_refused" in worker.tail(1 << 24)[before:], "the worker refuses it")
        assert "Update the workers" in worker.tail(1 << 24)[before:]
        assert ended(client, submit(client, small_photo))["status"] == "completed"
        delayed = queue.hvals(f"dramatiq:{name}.DQ.msgs")
        assert any(b"from-the-future" in data for data in delayed)
        queue.flushall()


def test_several_services_share_the_work_and_end_in_order(cluster, small_photo):
    """A second API takes an upload, the first tells what became of it."""
    api, url = cluster.new_api("second")
    api.start()
    try:
        wait_until_ready(api, url)
        with httpx.Client(base_url=url, timeout=60) as second, httpx.Client(base_url=cluster.urls[0]) as first:
            job_id = submit(second, small_photo)
            assert ended(first, job_id)["status"] == "completed"
        assert api.terminate() in {0, -signal.SIGTERM}
    finally:
        api.kill()
