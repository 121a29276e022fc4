import hashlib

import numpy as np
import pytest
import simplejpeg

from streetveil.bench.photos import PhotoSet, Uploads, cropped, encoded, from_folder, from_samples
from streetveil.domain.geometry import Size
from streetveil.errors import UnreadableFileError


def picture(width=64, height=48, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_no_two_uploads_are_the_same_file_and_all_are_the_same_picture():
    photo = encoded(picture())
    uploads = Uploads(PhotoSet([photo], "test"))

    files = [next(uploads) for _ in range(20)]

    assert len({hashlib.sha256(file).digest() for file in files}) == 20
    original = simplejpeg.decode_jpeg(photo)
    assert all(np.array_equal(simplejpeg.decode_jpeg(file, strict=True), original) for file in files)


def test_uploads_take_the_photos_in_turn():
    photos = [encoded(picture(seed=seed)) for seed in range(3)]
    uploads = Uploads(PhotoSet(photos, "test"))

    shown = [simplejpeg.decode_jpeg(next(uploads)) for _ in range(6)]

    assert all(np.array_equal(shown[index], simplejpeg.decode_jpeg(photos[index % 3])) for index in range(6))


def test_samples_come_at_full_hd_also_mirrored(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(picture(810, 1080)))

    photos = from_samples([tmp_path / "a.jpg"])

    plain, mirrored = (simplejpeg.decode_jpeg(file) for file in photos.files)
    assert plain.shape == mirrored.shape == (1080, 1920, 3)
    assert np.abs(plain.astype(int) - mirrored[:, ::-1]).mean() < 5


@pytest.mark.parametrize("width", [50, 100, 333])
@pytest.mark.parametrize("height", [50, 100, 333])
def test_what_is_cropped_fills_the_size(width, height):
    assert cropped(picture(width, height), Size(100, 60)).shape == (60, 100, 3)


def test_a_folder_gives_at_most_eight_photos_spread_over_it(tmp_path):
    files = [encoded(picture(16, 16, seed)) for seed in range(20)]
    for index, file in enumerate(files):
        (tmp_path / f"{index:02}.JPG").write_bytes(file)
    (tmp_path / "notes.txt").write_text("no photo")

    photos = from_folder(tmp_path)

    assert photos.files == [files[index] for index in (0, 2, 5, 7, 10, 12, 15, 17)]
    assert photos.source.startswith("8 of the 20 photos")


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="no JPEG files"):
        from_folder(tmp_path)
