"""Photos in, redacted photos out, over HTTP, through the whole embedded service."""

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageOps

rng = np.random.default_rng(7)
NOISE = rng.integers(0, 256, (120, 160, 3), np.uint8)


def photo(kind: str = "JPEG", **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, kind, **({"quality": 95} if kind == "JPEG" else {}) | options)
    return stream.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def upright(data: bytes) -> bytes:
    stream = io.BytesIO()
    ImageOps.exif_transpose(Image.open(io.BytesIO(data))).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_photo_goes_in_and_comes_out_redacted_in_its_own_format(embedded, kind):
    original = photo(kind)
    job_id = embedded.upload(original, f"street.{kind.lower()}", style="solid")
    status = embedded.finished(job_id)

    assert status["status"] == "completed", status
    results = status["results"]
    assert results["original_image_path"].startswith("file://")
    assert results["processed_image_path"] != results["original_image_path"]
    assert results["processing_time"] > 0
    [region] = results["blur_metadata"]["regions"]
    assert (region["class"], region["style"], region["box"]) == ("face", "solid", [36.0, 25.0, 84.0, 85.0])
    assert results["blur_metadata"]["faces_blurred"] == 1
    assert results["detection_metadata"]["vehicles"][0]["class"] == "bus"
    assert results["detection_metadata"]["is_face_blurred"] is True

    response = embedded.client.get(f"/jobs/{job_id}/image")
    with Image.open(io.BytesIO(response.content)) as result:
        assert result.format == kind
        assert response.headers["Content-Type"] == f"image/{kind.lower()}"
    before, after = pixels(original), pixels(response.content)
    face = np.s_[30:80, 40:80]
    assert after[face].std() < 10 < before[face].std()  # of the noise in the face nothing is left
    assert np.abs(after[100:] - before[100:]).mean() < 10  # far from it the photo is as it was
    assert embedded.client.get(f"/jobs/{job_id}/image?variant=original").content == original


def test_redacting_at_once_gives_what_the_queue_gives(embedded):
    original = photo("PNG")
    at_once = embedded.client.post("/redact", files={"file": ("a.png", original)}, data={"style": "pixelate"})
    job_id = embedded.upload(original, style="pixelate")
    results = embedded.finished(job_id)["results"]

    found = json.loads(at_once.headers["X-Streetveil-Detections"])
    assert found["blur_metadata"] == results["blur_metadata"]
    assert found["detection_metadata"] == results["detection_metadata"]
    queued = embedded.client.get(f"/jobs/{job_id}/image").content
    assert (pixels(at_once.content) == pixels(queued)).all()


def test_the_mask_marks_the_pixels_that_changed_and_erasing_takes_it_away(embedded):
    original = photo("PNG", exif=turned(6))
    job_id = embedded.upload(original, "street.png", style="solid")
    [region] = embedded.finished(job_id)["results"]["blur_metadata"]["regions"]
    mask = embedded.client.get(f"/jobs/{job_id}/mask")
    result = embedded.client.get(f"/jobs/{job_id}/image").content
    listed = embedded.client.get(f"/jobs/{job_id}/regions").json()

    changed = (pixels(upright(original)) != pixels(upright(result))).any(axis=2)
    marked = np.asarray(Image.open(io.BytesIO(mask.content))) == 255
    assert changed.shape == marked.shape == (160, 120)
    assert not (changed & ~marked).any()
    assert (marked & ~changed).sum() < 0.01 * marked.sum()  # noise may have been the grey that replaces it
    assert (listed["width"], listed["height"], listed["regions"]) == (120, 160, [region])

    embedded.client.delete(f"/jobs/{job_id}").raise_for_status()
    assert embedded.client.get(f"/jobs/{job_id}/mask").status_code == 404
    assert embedded.client.get(f"/jobs/{job_id}/regions").status_code == 404


def test_a_class_that_is_not_asked_for_is_left_alone(embedded):
    original = photo("PNG")
    job_id = embedded.upload(original, classes="license_plate")
    assert embedded.finished(job_id)["results"]["blur_metadata"]["regions"] == []

    assert (pixels(embedded.client.get(f"/jobs/{job_id}/image").content) == pixels(original)).all()


def test_a_batch_is_worked_on_and_its_bad_file_is_told(embedded):
    files = [("files", ("a.jpg", photo())), ("files", ("b.jpg", b"text")), ("files", ("c.png", photo("PNG")))]
    answer = embedded.client.post("/batch-upload", files=files).json()
    for job in answer["jobs"]:
        if "job_id" in job:
            embedded.finished(job["job_id"])
    batch = embedded.client.get(f"/batches/{answer['batch_id']}").json()

    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert answer["jobs"][1] == {
        "filename": "b.jpg",
        "error": {"code": "unsupported_format", "detail": answer["jobs"][1]["error"]["detail"]},
    }
    assert batch["counts"] == {"submitted": 0, "processing": 0, "completed": 2, "needs_review": 0, "failed": 0}
    assert [job["filename"] for job in batch["jobs"]] == ["a.jpg", "c.png"]


def test_a_picture_whose_header_is_fine_but_whose_rest_is_cut_off_fails_and_tells_why(embedded):
    job_id = embedded.upload(photo()[:-2000])
    status = embedded.finished(job_id)

    assert (status["status"], status["error"]["code"]) == ("failed", "undecodable_image")
    assert status["error"]["attempts"] == 1  # trying again cannot help
    assert embedded.client.get(f"/jobs/{job_id}/image").json()["code"] == "result_not_ready"
    assert embedded.client.post(f"/jobs/{job_id}/retry").status_code == 202
    assert embedded.finished(job_id)["status"] == "failed"
    at_once = embedded.client.post("/redact", files={"file": ("a.jpg", photo()[:-2000])})
    assert (at_once.status_code, at_once.json()["code"]) == (422, "undecodable_image")


def broken_png() -> bytes:
    data = bytearray(photo("PNG"))
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    return bytes(data)


def animated(kind: str) -> bytes:
    stream = io.BytesIO()
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:])
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (broken_png(), 422, "undecodable_image"),
        (animated("WEBP"), 415, "animated_image"),
        (animated("PNG"), 415, "animated_image"),
        (animated("TIFF"), 415, "animated_image"),
        (animated("GIF"), 415, "unsupported_format"),
        (photo()[:200], 422, "undecodable_image"),
    ],
    ids=["broken png", "animated webp", "animated png", "pages", "gif", "cut in its header"],
)
def test_a_picture_that_cannot_be_redacted_gives_no_image(embedded, content, status, code):
    response = embedded.client.post("/redact", files={"file": ("a.jpg", content)})

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_exif_with_wrong_lengths_does_no_harm(embedded):
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\x12\x01\x03\x00\xff\xff\xff\xff\xff\xff\xff\xff" * 3
    data = photo()
    data = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]

    assert embedded.finished(embedded.upload(data))["status"] == "completed"


def test_the_same_key_gives_one_job_until_that_is_erased(embedded):
    headers = {"Idempotency-Key": "one-of-a-kind"}
    answers = [embedded.client.post("/upload", files={"file": ("a.jpg", photo())}, headers=headers) for _ in range(3)]
    ids = {answer.json()["job_id"] for answer in answers}
    assert len(ids) == 1
    other = embedded.client.post("/upload", files={"file": ("a.png", photo("PNG"))}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")

    embedded.finished(next(iter(ids)))
    assert embedded.client.delete(f"/jobs/{next(iter(ids))}").status_code == 204
    again = embedded.client.post("/upload", files={"file": ("a.jpg", photo())}, headers=headers)
    assert again.status_code == 202, again.text
    assert again.json()["job_id"] not in ids


def test_an_erased_job_leaves_no_file_and_no_trace(embedded):
    job_id = embedded.upload(photo())
    embedded.finished(job_id)
    assert len(embedded.files_of(job_id)) == 3  # original, result, what was found
    assert embedded.client.delete(f"/jobs/{job_id}").status_code == 204

    assert embedded.files_of(job_id) == []
    for path in (f"/status/{job_id}", f"/jobs/{job_id}/image", f"/jobs/{job_id}/image?variant=original"):
        assert embedded.client.get(path).status_code == 404
    listed = embedded.client.get("/jobs", params={"limit": 500}).json()["jobs"]
    assert job_id not in {job["job_id"] for job in listed}


def test_lists_are_filtered_and_paged(embedded):
    ids = [embedded.upload(photo(), classes="license_plate" if number % 2 else "face") for number in range(4)]
    for job_id in ids:
        embedded.finished(job_id)
    seen, cursor = [], None
    while True:
        query = {"is_face_blurred": "true", "status": "completed", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = embedded.client.get("/jobs", params=query).json()
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [job_id for job_id in seen if job_id in ids] == [ids[2], ids[0]]
    assert seen == sorted(set(seen), reverse=True)


def test_the_service_tells_how_it_does(embedded):
    embedded.finished(embedded.upload(photo()))
    stats = embedded.client.get("/stats").json()
    queue = embedded.client.get("/queue-status").json()
    health = embedded.client.get("/health").json()

    assert stats["jobs"]["completed"] >= 1
    assert stats["latency"]["p50"] > 0
    assert stats["confidence"]["face"]["mean"] == pytest.approx(0.9)
    assert queue["max_queue_size"] == 1000
    assert health["status"] == "ok"
    assert set(health["dependencies"]) == {"database", "storage", "queue"}


def test_a_full_queue_refuses_until_there_is_room_and_loses_nothing(open_embedded, tmp_path):
    with open_embedded(tmp_path, max_queue_size=2) as service:
        service.detector.gate.clear()
        ids = []
        for _ in range(10):
            response = service.client.post("/upload", files={"file": ("a.jpg", photo())})
            if response.status_code == 429:
                break
            ids.append(response.json()["job_id"])
        assert response.json()["code"] == "queue_full"
        assert int(response.headers["Retry-After"]) > 0
        assert 2 <= len(ids) <= 3
        service.detector.gate.set()
        assert {service.finished(job_id)["status"] for job_id in ids} == {"completed"}
        service.upload(photo())


def test_jobs_that_were_waiting_when_the_service_stopped_are_finished_after_its_next_start(open_embedded, tmp_path):
    with open_embedded(tmp_path, shutdown_timeout_s=0.2) as service:
        service.detector.gate.clear()
        ids = [service.upload(photo()) for _ in range(3)]
    with open_embedded(tmp_path) as service:
        assert {service.finished(job_id)["status"] for job_id in ids} == {"completed"}


def test_nothing_stays_of_what_came_in(embedded):
    embedded.client.post("/upload", files={"file": ("a.jpg", photo() + bytes(3_000_000))})

    assert [path for path in (embedded.data_dir / "incoming").rglob("*") if path.is_file()] == []
