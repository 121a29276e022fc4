"""/metrics tells what was asked of this process, by routes and not by paths."""

from prometheus_client import CONTENT_TYPE_LATEST
from tests.support.metrics import values


def told(client):
    response = client.get("/metrics")
    assert response.status_code == 200
    return values(response.text)


def test_metrics_are_text_as_prometheus_reads_it(client):
    response = client.get("/metrics")
    assert response.headers["content-type"].split(";")[0] == CONTENT_TYPE_LATEST.split(";")[0] == "text/plain"
    assert response.headers["cache-control"] == "no-store"
    numbers = values(response.text)
    assert numbers["process_resident_memory_bytes", ()] > 0
    assert next(labels for name, labels in numbers if name == "streetveil_build_info")[::2] == ("api", "1.2.3")


def test_photos_that_are_refused_count_by_their_code(client, world, photo):
    def send(content):
        return client.post("/upload", files={"file": ("a.jpg", content)}).status_code

    before = told(client)
    assert [send(content) for content in (photo, b"no photo", b"")] == [202, 415, 400]
    batch = [("files", ("a.jpg", content)) for content in (photo, b"no photo")]
    assert client.post("/batch-upload", files=batch).status_code == 202
    world.full = True
    assert send(photo) == 429
    assert client.post("/batch-upload", files=batch).status_code == 429
    more = {name: number - before.get(name, 0) for name, number in told(client).items()}
    refused = {labels[0]: number for (_, labels), number in more.items() if labels[1:] == ("refused",) and number}
    assert refused == {"unsupported_format": 2, "empty_file": 1, "queue_full": 2}
    assert more["streetveil_limit_refusals_total", ("queue",)] == 2


def test_requests_count_by_route_and_answer_whatever_paths_clients_make_up(client):
    before = told(client)
    for path in ("/status/0", "/status/1", "/no/such/path", "/nor/this"):
        client.get(path)
    client.request("BREW", "/upload")
    after = told(client)

    def more(*labels):
        key = ("streetveil_http_requests_total", labels)
        return after[key] - before.get(key, 0)

    assert more("GET", "/status/{job_id}", "404") == 2
    assert more("GET", "other", "404") == 2
    assert more("other", "/upload", "405") == 1
    assert not [labels for _, labels in after if any("such" in label for label in labels)]
    count = ("streetveil_http_request_seconds_count", ("GET", "/status/{job_id}"))
    assert after[count] - before.get(count, 0) == 2
