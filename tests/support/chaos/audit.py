"""What must be true in the end, looked at from outside: HTTP, the bucket, and the command line's own results."""

from __future__ import annotations

import io
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import numpy as np
from PIL import Image
from tests.support.chaos.client import Sent
from tests.support.chaos.cluster import Cluster
from tests.support.chaos.photos import Kind

# Mean change of a pixel's channel within a redacted region; an untouched region has far less from re-encoding.
_CHANGED = 4


class Audit:
    """Collects what is wrong in `complaints`; none means that every promise was kept."""

    def __init__(self, cluster: Cluster, sent: Mapping[int, Sent], log: Callable[[str], None]) -> None:
        self.complaints: list[str] = []
        self.finished_at: dict[str, float] = {}
        self.given_up: list[str] = []
        self.failed: dict[str, str] = {}
        self.maintained = ""
        self._cluster = cluster
        self._sent = sent
        self._log = log
        self._client = httpx.Client(base_url=cluster.urls[0], timeout=60)
        self._store = cluster.bucket()

    def __call__(self, settle_s: float) -> None:
        """`settle_s`: how long the service may take to end all jobs."""
        with self._client:
            self._look(settle_s)

    def _look(self, settle_s: float) -> None:
        self._log("waiting for the last jobs")
        self._settle(settle_s)
        self._retry_given_up(settle_s)
        jobs = self._jobs()
        self._log(f"looking at {len(jobs)} jobs")
        owners = self._check_jobs(jobs)
        self._log("removing orphans")
        ran = self._cluster.run("maintain", "--once", ORPHAN_AGE_S="0")
        self.maintained = ran.stdout.strip()
        if ran.returncode:
            self._complain(f"maintain ended with {ran.returncode}: {ran.stderr}")
        objects = self._objects()
        self._log(f"looking at {sum(map(len, objects.values()))} objects")
        self._check_objects(jobs, objects)
        self._check_results(jobs, owners)

    def _complain(self, what: str) -> None:
        self.complaints.append(what)

    def _get(self, path: str, **parameters: str | int) -> Any:
        answer = self._client.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()

    def _settle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while open_jobs := [job for status in ("submitted", "processing") for job in self._jobs(status)]:
            if time.monotonic() > deadline:
                self._complain(f"{len(open_jobs)} jobs did not end within {seconds:.0f} s, such as {open_jobs[0]}")
                return
            time.sleep(0.5)

    def _retry_given_up(self, seconds: float) -> None:
        """Jobs whose attempts were used up by faults failed with a reason; asked for again they must work."""
        good = self._ids(Kind.GOOD)
        self.given_up = [job for job in self._jobs("failed") if job in good]
        for job_id in self.given_up:
            error = self._get(f"/status/{job_id}")["error"]
            self._log(f"{job_id} was given up: {error}")
            self._client.post(f"/jobs/{job_id}/retry").raise_for_status()
        if self.given_up:
            self._settle(seconds)

    def _jobs(self, status: str | None = None) -> list[str]:
        """Ids of all jobs (in that state)."""
        ids: list[str] = []
        wanted: dict[str, str | int] = {"limit": 500} | ({"status": status} if status else {})
        while True:
            page = self._get("/jobs", **wanted)
            ids += [job["job_id"] for job in page["jobs"]]
            if not page["next_cursor"]:
                return ids
            wanted["cursor"] = page["next_cursor"]

    def _ids(self, *kinds: Kind) -> set[str]:
        return {job for sent in self._sent.values() if sent.photo.kind in kinds for job in sent.job_ids}

    def _check_jobs(self, jobs: list[str]) -> dict[str, Sent]:
        """Every accepted upload has one job, every job one upload; which upload each job belongs to."""
        owners: dict[str, Sent] = {}
        for sent in self._sent.values():
            if len(sent.job_ids) > 1:
                self._complain(f"{sent.photo.name} has several jobs: {sent.job_ids}")
            if sent.photo.kind is Kind.NO_PHOTO and sent.refusal != "unsupported_format":
                self._complain(f"{sent.photo.name} is no photo and was not refused: {sent.refusal} {sent.job_ids}")
            if sent.photo.kind is not Kind.NO_PHOTO and sent.refusal:
                self._complain(f"{sent.photo.name} was refused: {sent.refusal}")
            owners |= dict.fromkeys(sent.job_ids, sent)
        if missing := owners.keys() - set(jobs):
            self._complain(f"{len(missing)} accepted jobs are lost: {sorted(missing)[:5]}")
        if unknown := set(jobs) - owners.keys():
            self._complain(f"{len(unknown)} jobs belong to no upload: {sorted(unknown)[:5]}")
        return owners

    def _objects(self) -> dict[str, list[str]]:
        """Keys in the bucket, by the first part of their name."""
        keys: dict[str, list[str]] = defaultdict(list)
        for chunk in self._store.list():
            for item in chunk:
                keys[item["path"].partition("/")[0]].append(item["path"])
        return keys

    def _check_objects(self, jobs: list[str], objects: Mapping[str, list[str]]) -> None:
        completed = set(self._jobs("completed"))
        for folder, wanted in (("original", set(jobs)), ("processed", completed), ("metadata", completed)):
            found = [key.partition("/")[2].partition(".")[0] for key in objects.get(folder, [])]
            if len(found) != len(set(found)):
                self._complain(f"{len(found) - len(set(found))} jobs have several objects under {folder}/")
            if orphans := set(found) - wanted:
                self._complain(f"{len(orphans)} orphans under {folder}/: {sorted(orphans)[:5]}")
            if missing := wanted - set(found):
                self._complain(f"{len(missing)} objects are missing under {folder}/: {sorted(missing)[:5]}")
        if other := objects.keys() - {"original", "processed", "metadata"}:
            self._complain(f"there are objects of another kind: {other}")

    def _check_results(self, jobs: list[str], owners: Mapping[str, Sent]) -> None:
        expected = self._expected()
        for job_id in jobs:
            if (sent := owners.get(job_id)) is None:
                continue
            state = self._get(f"/status/{job_id}")
            if state["status"] != sent.photo.kind.value:
                self._complain(f"{sent.photo.name} is {state['status']}, not {sent.photo.kind.value}: {state}")
            elif state["status"] == "failed":
                self.failed[job_id] = state["error"]["code"]
                if state["error"]["code"] != "undecodable_image":
                    self._complain(f"{sent.photo.name} failed for another reason: {state['error']}")
            else:
                self.finished_at[job_id] = state["updated_at"]
                self._check_result(sent, state["results"], expected)

    def _check_result(self, sent: Sent, results: Mapping[str, Any], expected: Mapping[str, bytes]) -> None:
        name = sent.photo.name
        if self._fetch(results["original_image_path"]) != sent.photo.data:
            self._complain(f"the original of {name} is not what was uploaded")
        result = self._fetch(results["processed_image_path"])
        if result != expected.get(name):
            self._complain(f"the result of {name} is not what `streetveil redact` makes of it")
        regions = results["blur_metadata"]["regions"]
        if not regions:
            self._complain(f"nothing was found in {name}")
        before = np.asarray(Image.open(io.BytesIO(sent.photo.data)), int)
        after = np.asarray(Image.open(io.BytesIO(result)), int)
        if before.shape != after.shape:
            self._complain(f"the result of {name} has another size")
            return
        for region in regions:
            x1, y1, x2, y2 = (max(0, round(edge)) for edge in region["box"])
            if np.abs(before - after)[y1:y2, x1:x2].mean() < _CHANGED:
                self._complain(f"a region of {name} was not redacted: {region}")

    def _fetch(self, path: str) -> bytes:
        key = path.removeprefix(f"s3://{self._cluster.s3.BUCKET}/")
        try:
            return bytes(self._store.get(key).bytes())
        except FileNotFoundError:
            return b""

    def _expected(self) -> dict[str, bytes]:
        """The results of the command line for the same files."""
        originals, results = self._cluster.folder / "originals", self._cluster.folder / "expected"
        originals.mkdir()
        for sent in self._sent.values():
            if sent.photo.kind is Kind.GOOD:
                (originals / sent.photo.name).write_bytes(sent.photo.data)
        ran = self._cluster.run("redact", str(originals), "--output", str(results), "--profile", "fast")
        if ran.returncode:
            self._complain(f"streetveil redact ended with {ran.returncode}: {ran.stderr}{ran.stdout}")
        return {path.name: path.read_bytes() for path in results.iterdir() if path.suffix == ".jpg"}
