"""Every sequence of steps, by workers that are current or long superseded, keeps a job's life legal."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import TRANSITIONS, Job, JobFailure, JobResult, JobStatus
from streetveil.domain.reports import JobFilter
from streetveil.storage.keys import metadata_key, processed_key

LEASE = timedelta(minutes=10)
FAILURE = JobFailure("storage_unavailable", "down")


def result_of(claimed):
    names = (
        processed_key(DEFAULT_TENANT, claimed.id, claimed.claims, "jpg"),
        metadata_key(DEFAULT_TENANT, claimed.id, claimed.claims),
    )
    return JobResult(*names, 1.5, {"regions": [], "faces_blurred": 0}, {"vehicles": []})


class JobLife(RuleBasedStateMachine):
    """One job, its model (`status`, `claims`) and all claims that were ever made of it."""

    open_empty: Callable[[], SqlDatabase]
    make_job: Callable[[], Job]

    def __init__(self):
        super().__init__()
        self.database = type(self).open_empty()
        self.job = type(self).make_job()
        self.status = JobStatus.SUBMITTED
        self.claimed = []
        self.completions = 0
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.database.transact(lambda transaction: transaction.jobs.add(self.job))

    def step(self, to, legal, act):
        self.now += timedelta(seconds=1)
        happened = self.database.transact(lambda transaction: act(transaction.jobs))
        assert bool(happened) == legal
        if happened:
            assert self.status in TRANSITIONS[to]
            self.status = to
            self.completions += to is JobStatus.COMPLETED
        with self.database.snapshot() as snapshot:
            row = snapshot.jobs.get(self.job.id)
        assert row is not None
        assert row.status is self.status
        assert row.claims == len(self.claimed) + (to is JobStatus.PROCESSING and legal)
        assert (row.result is not None) == (self.status is JobStatus.COMPLETED)
        assert (row.held is not None) == (self.status is JobStatus.NEEDS_REVIEW)
        assert (self.found() == {self.job.id}) == (self.status is JobStatus.COMPLETED)
        assert self.completions <= 1
        if happened:
            assert row.updated_at == self.now
        return happened

    def found(self):
        """What a question about findings is answered with: that of a job which nobody has reviewed is nobody's."""
        with self.database.snapshot() as snapshot:
            return {
                job.id
                for job in snapshot.jobs.page(
                    JobFilter(is_face_blurred=False), tenant=DEFAULT_TENANT, after=None, limit=9
                )
            }

    def current(self, claimed):
        return self.status is JobStatus.PROCESSING and claimed is self.claimed[-1]

    @rule()
    def claim(self):
        claimed = self.step(
            JobStatus.PROCESSING,
            self.status is JobStatus.SUBMITTED,
            lambda jobs: jobs.claim(self.job.id, worker_id="w", now=self.now, lease=LEASE),
        )
        if claimed:
            self.claimed.append(claimed)

    @rule(pick=st.randoms(use_true_random=False), deed=st.sampled_from(["complete", "hold", "postpone", "fail"]))
    def worker(self, pick, deed):
        if not self.claimed:
            return
        claimed = pick.choice(self.claimed)
        acts = {
            "complete": (
                JobStatus.COMPLETED,
                lambda jobs: jobs.complete(claimed, result_of(claimed), now=self.now),
            ),
            "hold": (
                JobStatus.NEEDS_REVIEW,
                lambda jobs: jobs.hold(claimed, result_of(claimed), now=self.now),
            ),
            "postpone": (
                JobStatus.SUBMITTED,
                lambda jobs: jobs.postpone(claimed, FAILURE, now=self.now, due_at=self.now),
            ),
            "fail": (JobStatus.FAILED, lambda jobs: jobs.fail(claimed, FAILURE, now=self.now)),
        }
        to, act = acts[deed]
        self.step(to, self.current(claimed), act)

    @rule()
    def resubmit(self):
        self.step(
            JobStatus.SUBMITTED,
            self.status in {JobStatus.FAILED, JobStatus.NEEDS_REVIEW},
            lambda jobs: jobs.resubmit(self.job.id, now=self.now),
        )

    @rule()
    def release(self):
        self.step(
            JobStatus.COMPLETED,
            self.status is JobStatus.NEEDS_REVIEW,
            lambda jobs: jobs.release(self.job.id, now=self.now),
        )

    @rule(really=st.integers(0, 9))
    def erase(self, really):
        if really == 0:
            self.step(
                JobStatus.ERASED,
                self.status is not JobStatus.ERASED,
                lambda jobs: jobs.erase(self.job.id, now=self.now),
            )

    def teardown(self):
        self.database.close()


def test_any_sequence_of_steps_is_legal_and_completes_once(open_empty, make_job):
    class Life(JobLife):
        pass

    Life.open_empty, Life.make_job = staticmethod(open_empty), staticmethod(make_job)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def claim(database, job, worker_id="w"):
    now = datetime(2026, 6, 1, tzinfo=UTC)
    return database.transact(
        lambda transaction: transaction.jobs.claim(job.id, worker_id=worker_id, now=now, lease=LEASE)
    )


def test_a_claim_counts_the_attempt_and_lasts_as_long_as_its_lease(database, add):
    job, now = add(), datetime(2026, 6, 1, tzinfo=UTC)
    claimed = claim(database, job, "w" * 1000)
    assert (claimed.attempts, claimed.claims, claimed.due_at, claimed.started_at) == (1, 1, now + LEASE, now)
    assert claimed.worker_id == "w" * 128


def test_a_result_is_taken_apart_for_the_filters(database, add):
    job, now = add(), datetime(2026, 6, 1, tzinfo=UTC)
    blur = {
        "regions": [{"class": "face", "confidence": 0.5}, {"class": "license_plate", "confidence": 0.25}],
        "faces_blurred": 1,
        "plates_blurred": 1,
    }
    detection = {"vehicles": [], "is_vehicle_detected": False, "is_face_detected": True, "model": None}
    claimed = claim(database, job)
    result = JobResult(
        processed_key(DEFAULT_TENANT, job.id, 1, "jpg"), metadata_key(DEFAULT_TENANT, job.id, 1), 2.0, blur, detection
    )
    assert database.transact(lambda transaction: transaction.jobs.complete(claimed, result, now=now))
    with database.snapshot() as snapshot:
        row = snapshot.jobs.get(job.id)
        recent = snapshot.jobs.recent(now, 10, tenant=DEFAULT_TENANT)
    assert row.result == result
    assert (row.finished_at, row.due_at) == (now, None)
    assert recent.confidence["license_plate"].mean == 0.25


@pytest.mark.parametrize("detail", ["x" * 100_000, "Ω" * 5000, ""])
def test_details_of_any_length_are_kept_as_far_as_they_fit(database, add, detail):
    job, now = add(), datetime(2026, 6, 1, tzinfo=UTC)
    claimed = claim(database, job)
    failure = JobFailure("internal_error", detail)
    assert database.transact(lambda transaction: transaction.jobs.fail(claimed, failure, now=now))
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id).failure == JobFailure("internal_error", detail[:2000])
