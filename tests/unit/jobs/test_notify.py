"""Ends of jobs reach those who asked to be told: in every case at least once, and nobody else."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from streetveil.domain.webhooks import WebhookReport
from streetveil.errors import (
    InvalidWebhookUrlError,
    JobNotFoundError,
    UnsupportedMediaError,
    WebhookFailedError,
    WebhookUnreachableError,
)
from streetveil.jobs.backoff import Backoff
from streetveil.jobs.notify import Deliveries, DeliveryPolicy, Notify

URL = "https://hooks.example.org/a?token=s3cret"


@dataclass(frozen=True)
class Message:
    url: str
    tenant: str
    id: str
    body: dict[str, Any]

    @property
    def status(self):
        return self.body["data"]["status"]


@dataclass
class FakeSender:
    """Receivers that do what they are told to, by host."""

    sent: list[Message] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    meanwhile: Callable[[str], object] | None = None

    def check(self, url: str) -> None:
        if not url.startswith("https://"):
            raise InvalidWebhookUrlError("webhook_url must begin with https://.")

    def send(self, url: str, *, tenant: str, message_id: str, body: bytes, now: datetime) -> None:
        self.sent.append(Message(url, tenant, message_id, json.loads(body)))
        if self.meanwhile is not None:
            self.meanwhile(url)
        for host, failure in self.failures.items():
            if f"//{host}/" in url:
                raise failure


@pytest.fixture
def sender():
    return FakeSender()


@pytest.fixture
def tries():
    """What was told of each try."""
    return []


@pytest.fixture
def notifier(sender, tries):
    """Makes what sends a house's messages."""

    def make(house, **policy):
        policy = {"backoff": Backoff(first_s=10.0, longest_s=14400.0, jitter=lambda: 0.5)} | policy
        return Notify(
            database=house.sql,
            sender=sender,
            policy=DeliveryPolicy(**policy),
            tell=lambda result, code: tries.append((result, code)),
            clock=house.clock,
            monotonic=lambda: house.clock().timestamp(),
        )

    return make


@pytest.fixture
def notify(house, notifier):
    return notifier(house)


def failing(house):
    house.anonymise.failures.append(UnsupportedMediaError("no photo"))


def test_the_end_of_a_job_is_told_once_with_nothing_of_the_photo(house, notify, sender):
    job = house.upload(webhook_url=URL, tenant="acme", filename="Anna's car.jpg")
    assert notify.deliver_due() == Deliveries()
    assert notify.report(job.id) == WebhookReport("waiting", 0)
    house.clock.turn(seconds=2)
    house.drain()
    assert notify.report(job.id) == WebhookReport("due", 0)
    assert notify.deliver_due() == Deliveries(delivered=1)
    assert notify.deliver_due() == Deliveries()
    ended = (job.created_at + timedelta(seconds=2)).isoformat()
    data = {
        "job_id": job.id,
        "status": "completed",
        "created_at": job.created_at.isoformat(),
        "finished_at": ended,
    }
    body = {"type": "job.completed", "timestamp": ended, "data": data}
    assert sender.sent == [Message(URL, "acme", f"{job.id}-1", body)]
    assert notify.report(job.id) == WebhookReport("delivered", 1)


def test_jobs_without_a_webhook_are_told_to_nobody(house, notify, sender):
    job = house.upload()
    house.drain()
    assert notify.deliver_due() == Deliveries()
    assert sender.sent == []
    assert notify.report(job.id) is None


def test_failing_and_being_held_back_are_ends_too(house, notify, sender):
    failing(house)
    failed = house.upload(webhook_url=URL)
    house.drain()
    house.anonymise.needs_review = True
    held = house.upload(b"other", webhook_url=URL)
    house.drain()
    assert notify.deliver_due() == Deliveries(delivered=2)
    assert {(message.body["data"]["job_id"], message.body["type"]) for message in sender.sent} == {
        (failed.id, "job.failed"),
        (held.id, "job.needs_review"),
    }


def test_a_job_that_ends_again_is_told_again_by_another_message(house, notify, sender):
    house.anonymise.needs_review = True
    held = house.upload(webhook_url=URL)
    house.drain()
    notify.deliver_due()
    house.release(held.id, tenant=held.tenant)
    notify.deliver_due()
    assert [(message.id, message.status) for message in sender.sent] == [
        (f"{held.id}-1", "needs_review"),
        (f"{held.id}-2", "completed"),
    ]


def test_of_two_ends_that_could_not_be_told_only_the_newer_is(house, notify, sender):
    sender.failures["hooks.example.org"] = WebhookFailedError("503")
    failing(house)
    job = house.upload(webhook_url=URL)
    house.drain()
    assert notify.deliver_due() == Deliveries(postponed=1)
    house.retry(job.id, tenant=job.tenant)
    house.drain()
    assert notify.report(job.id) == WebhookReport("due", 0)
    sender.failures.clear()
    assert notify.deliver_due() == Deliveries(delivered=1)
    assert [message.status for message in sender.sent] == ["failed", "completed"]


def test_an_end_that_came_while_the_one_before_was_being_told_is_not_lost(house, notify, sender):
    failing(house)
    job = house.upload(webhook_url=URL)
    house.drain()

    def retried(url):
        sender.meanwhile = None
        house.retry(job.id, tenant=job.tenant)
        house.drain()

    sender.meanwhile = retried
    notify.deliver_due()
    assert notify.report(job.id) == WebhookReport("due", 0)
    notify.deliver_due()
    assert [message.status for message in sender.sent] == ["failed", "completed"]
    assert notify.report(job.id) == WebhookReport("delivered", 1)


def test_each_try_is_counted_by_what_became_of_it(house, notify, sender, tries):
    sender.failures["hooks.example.org"] = WebhookFailedError("503")
    house.upload(webhook_url=URL)
    house.upload(b"other", webhook_url="https://gone.example.org/")
    sender.failures["gone.example.org"] = InvalidWebhookUrlError("not allowed any more")
    house.drain()
    notify.deliver_due()
    assert sorted(tries) == [("given_up", "invalid_webhook_url"), ("postponed", "webhook_failed")]
    sender.failures.clear()
    house.clock.turn(seconds=10)
    notify.deliver_due()
    assert tries[2:] == [("delivered", "none")]


def test_what_was_not_accepted_is_sent_again_later_and_later_until_it_is(house, notify, sender):
    sender.failures["hooks.example.org"] = WebhookFailedError("The webhook's receiver answered with 503.")
    job = house.upload(webhook_url=URL)
    house.drain()
    assert notify.deliver_due() == Deliveries(postponed=1)
    for seconds in (10, 20, 40):
        house.clock.turn(seconds=seconds - 1)
        assert notify.deliver_due() == Deliveries()
        house.clock.turn(seconds=1)
        assert notify.deliver_due() == Deliveries(postponed=1)
    assert notify.report(job.id) == WebhookReport("due", 4, "The webhook's receiver answered with 503.")
    sender.failures.clear()
    house.clock.turn(seconds=80)
    assert notify.deliver_due() == Deliveries(delivered=1)
    assert len({message.id for message in sender.sent}) == 1
    assert notify.report(job.id) == WebhookReport("delivered", 5)


def test_a_message_is_given_up_when_its_time_is_over(house, notifier, sender):
    notify = notifier(house, retry_for=timedelta(hours=1))
    sender.failures["hooks.example.org"] = WebhookFailedError("refused")
    job = house.upload(webhook_url=URL)
    house.drain()
    outcomes = []
    for _ in range(400):
        outcomes.append(notify.deliver_due())
        house.clock.turn(seconds=30)
    assert outcomes.count(Deliveries(postponed=1)) == 8
    assert outcomes.count(Deliveries(given_up=1)) == 1
    assert len(sender.sent) == 9
    assert notify.report(job.id) == WebhookReport("given_up", 9, "refused")


def test_an_address_that_is_allowed_no_longer_is_not_tried_again(house, notify, sender):
    sender.failures["hooks.example.org"] = InvalidWebhookUrlError("no longer")
    house.upload(webhook_url=URL)
    house.drain()
    assert notify.deliver_due() == Deliveries(given_up=1)
    house.clock.turn(days=2)
    assert notify.deliver_due() == Deliveries()


def test_nothing_is_told_of_erased_jobs_and_their_addresses_are_gone(house, notify, sender):
    job = house.upload(webhook_url=URL)
    house.drain()
    house.erase(job.id, tenant=job.tenant)
    assert notify.deliver_due() == Deliveries()
    assert notify.report(job.id) is None
    assert sender.sent == []
    with pytest.raises(JobNotFoundError):
        house.inspect.job(job.id, tenant=job.tenant)


def test_a_job_erased_while_it_is_being_told_does_no_harm(house, notify, sender):
    job = house.upload(webhook_url=URL)
    house.drain()
    sender.meanwhile = lambda url: house.erase(job.id, tenant=job.tenant)
    notify.deliver_due()
    assert notify.report(job.id) is None


def test_what_a_process_that_died_was_sending_is_sent_again_when_its_time_is_over(make_house, notifier, sender):
    house = make_house()
    job = house.upload(webhook_url=URL)
    house.drain()
    doomed = notifier(house)
    claimed = doomed._claim()
    doomed._sender.send(
        claimed[0].url, tenant="default", message_id=claimed[0].message_id, body=claimed[0].body, now=house.clock()
    )
    other = notifier(make_house())
    assert other.deliver_due() == Deliveries()
    house.clock.turn(minutes=3)
    assert other.deliver_due() == Deliveries(delivered=1)
    assert [message.id for message in sender.sent] == [f"{job.id}-1"] * 2


def test_of_several_processes_one_sends_a_message(make_house, notifier, sender):
    houses = [make_house() for _ in range(3)]
    for number in range(30):
        houses[0].upload(b"%d" % number, webhook_url=URL)
    houses[0].drain()
    start = threading.Barrier(3)

    def deliver(house):
        notify = notifier(house)
        start.wait()
        notify.deliver_due()

    threads = [threading.Thread(target=deliver, args=(house,)) for house in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sender.sent) == len({message.id for message in sender.sent}) == 30


def test_a_receiver_that_does_not_answer_is_left_alone_and_holds_up_nobody(house, notify, sender):
    sender.failures["dead.example"] = WebhookUnreachableError("timed out")
    for number in range(20):
        house.upload(b"%d" % number, webhook_url="https://dead.example/")
    house.upload(b"mine", webhook_url=URL)
    house.drain()
    assert notify.deliver_due() == Deliveries(delivered=1, postponed=1)
    assert len(sender.sent) == 2
    house.clock.turn(seconds=61)
    sender.failures.clear()
    assert notify.deliver_due() == Deliveries(delivered=20)


def test_a_receiver_that_is_slow_gets_what_fits_into_a_round(house, notify, sender):
    for number in range(20):
        house.upload(b"%d" % number, webhook_url="https://slow.example/")
    house.drain()
    sender.meanwhile = lambda url: house.clock.turn(seconds=4)
    assert notify.deliver_due() == Deliveries(delivered=3)
    assert notify.deliver_due() == Deliveries()
    house.clock.turn(seconds=61)
    assert notify.deliver_due() == Deliveries(delivered=3)


def test_receivers_whose_turn_did_not_come_are_not_late_for_it(house, notifier, sender):
    notify = notifier(house, threads=1)
    for number in range(3):
        house.upload(b"%d" % number, webhook_url=f"https://slow-{number}.example/")
    house.drain()
    sender.meanwhile = lambda url: house.clock.turn(seconds=11)
    assert notify.deliver_due() == Deliveries(delivered=1)
    house.clock.turn(seconds=61)
    assert notify.deliver_due() == Deliveries(delivered=1)


def test_a_sender_that_breaks_loses_nothing(house, notify, sender):
    sender.failures["hooks.example.org"] = KeyError("a defect")
    house.upload(webhook_url=URL)
    house.drain()
    assert notify.deliver_due() == Deliveries()
    sender.failures.clear()
    house.clock.turn(minutes=3)
    assert notify.deliver_due() == Deliveries(delivered=1)


def test_a_repeated_upload_keeps_the_address_of_the_first(house, notify, sender):
    first = house.upload(webhook_url=URL, idempotency_key="k")
    again = house.upload(webhook_url="https://other.example/", idempotency_key="k")
    assert again.id == first.id
    house.drain()
    notify.deliver_due()
    assert [message.url for message in sender.sent] == [URL]


def test_logs_name_the_job_and_its_tenant_and_no_address(house, notify, sender, capsys):
    sender.failures["hooks.example.org"] = WebhookFailedError("refused")
    job = house.upload(webhook_url=URL, tenant="acme")
    house.drain()
    notify.deliver_due()
    shown = "".join(capsys.readouterr())
    [told] = [line for line in shown.splitlines() if "webhook_postponed" in line]
    assert job.id in told
    assert "acme" in told
    assert "hooks.example.org" not in shown
    assert "s3cret" not in shown
