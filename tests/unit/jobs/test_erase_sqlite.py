"""After an erasure nothing of the photo is left in the database's file either."""

from tests.support.house import TENANT


def test_no_trace_stays_in_the_files_of_the_database(house):
    job = house.upload(filename="neighbour-at-window.jpg", idempotency_key="key-of-neighbour")
    house.drain()
    house.erase(job.id, tenant=TENANT)
    house.close()  # the last connection writes the log back into the file
    left = b"".join(path.read_bytes() for path in house.root.glob("jobs.db*"))
    assert job.id.encode() in left
    for trace in (b"neighbour", job.content_sha256.encode(), b"faces_blurred"):
        assert trace not in left
