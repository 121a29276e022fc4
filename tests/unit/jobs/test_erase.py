"""After an erasure nothing of the photo is left: no object, no name, no finding."""

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.errors import JobNotFoundError, StorageUnavailableError, UndecodableImageError


def test_a_completed_job_is_erased_with_all_its_objects(house):
    other = house.upload(b"other")
    job = house.upload(b"mine", filename="neighbour.jpg", idempotency_key="key-of-neighbour")
    house.drain()
    house.erase(job.id, tenant=TENANT)
    row = house.row(job.id)
    assert row.status is JobStatus.ERASED
    assert (row.filename, row.content_sha256, row.file_size, row.result, row.idempotency_key) == ("", "", 0, None, None)
    assert not any(job.id in key for key in house.objects())
    house.assert_completed(other, b"other")
    house.assert_nothing_is_left_over()


def test_a_submitted_job_that_is_erased_is_never_worked_on(house):
    job = house.upload()
    house.erase(job.id, tenant=TENANT)
    house.drain()
    assert house.objects() == set()
    assert house.anonymise.seen == []


def test_a_failed_job_can_be_erased_with_its_reason(house):
    job = house.upload()
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.drain()
    house.erase(job.id, tenant=TENANT)
    assert house.objects() == set()
    assert house.row(job.id).failure is None


def test_an_erased_job_is_gone_for_everybody(house):
    job = house.upload(idempotency_key="k")
    house.erase(job.id, tenant=TENANT)
    with pytest.raises(JobNotFoundError):
        house.inspect.job(job.id, tenant=TENANT)
    with pytest.raises(JobNotFoundError):
        house.inspect.image(job.id, "original", tenant=TENANT)
    with pytest.raises(JobNotFoundError):
        house.erase(job.id, tenant=TENANT)
    assert house.upload(idempotency_key="k").id != job.id


def test_an_unknown_job_cannot_be_erased(house):
    with pytest.raises(JobNotFoundError):
        house.erase("nothing", tenant=TENANT)


class Stubborn:
    """A store that removes nothing for a while."""

    def __init__(self, store):
        self._store = store
        self.stubborn = True

    def __getattr__(self, name):
        return getattr(self._store, name)

    def delete(self, keys):
        if self.stubborn:
            raise StorageUnavailableError("no")
        self._store.delete(keys)


@pytest.mark.parametrize("finish", ["asked again", "maintained"])
def test_an_erasure_that_storage_interrupts_is_finished_later(make_house, finish):
    house = make_house(wrap_storage=Stubborn)
    job = house.upload()
    with pytest.raises(StorageUnavailableError):
        house.erase(job.id, tenant=TENANT)
    with pytest.raises(JobNotFoundError):
        house.inspect.job(job.id, tenant=TENANT)
    house.adapters["storage"].stubborn = False
    if finish == "asked again":
        house.erase(job.id, tenant=TENANT)
    else:
        assert house.maintain.rescue().erased == 1
        assert house.maintain.rescue().erased == 0
    assert house.objects() == set()
    with pytest.raises(JobNotFoundError):
        house.erase(job.id, tenant=TENANT)
