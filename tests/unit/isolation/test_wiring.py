"""What children are told of the settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streetveil.bootstrap import choices, photos
from streetveil.detection import factory
from streetveil.settings import Settings


class Watched:
    """Settings that note which of them are read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> object:
        self.read.add(name)
        return getattr(self._settings, name)


def test_they_are_told_everything_that_results_depend_on(monkeypatch):
    monkeypatch.setattr(factory, "build_scene_detector", lambda *_, **__: None)
    watched = Watched(Settings.model_validate({}))
    photos.build_anonymiser(watched)  # type: ignore[arg-type]
    assert watched.read == photos._CHILD_SETTINGS


def test_they_are_told_no_secret_and_no_address():
    settings = Settings.model_validate(
        {
            "database_url": "mysql://u:hidden@db/x",
            "redis_url": "redis://:hidden@queue",
            "aws_secret_access_key": "hidden",
            "aws_access_key_id": "hidden",
            "jwt_secret": "hidden",
            "jwks_url": "https://hidden",
        }
    )
    assert "hidden" not in json.dumps(photos._for_children(settings))


def test_their_settings_are_the_same_from_another_folder():
    settings = Settings.model_validate(
        {
            "streetveil_cache": "cache",
            "face_detection_model_path": "own/face.onnx",
            "verify": "redetect",
            "face_confidence_threshold": 0.25,
            "redaction_comment": "Blurred",
            "max_pixels": 1000,
        }
    )
    told = Settings.model_validate(json.loads(json.dumps(photos._for_children(settings))))
    for name in photos._CHILD_SETTINGS - {"streetveil_cache", "face_detection_model_path"}:
        assert getattr(told, name) == getattr(settings, name)
    assert told.streetveil_cache == Path.cwd() / "cache"
    assert told.face_detection_model_path == Path.cwd() / "own/face.onnx"


@pytest.mark.parametrize(("chosen", "isolated"), [("auto", True), ("process", True), ("none", False)])
def test_photos_have_processes_of_their_own_unless_models_run_on_a_gpu(chosen, isolated):
    assert choices.isolates(Settings.model_validate({"isolation": chosen, "device": "cpu"})) is isolated


@pytest.mark.parametrize(("size", "isolates"), [(0, True), (1, True), (2, False)])
def test_threads_that_share_batches_share_a_process(size, isolates):
    settings = Settings.model_validate({"batch_max_size": size, "device": "cpu"})
    assert choices.isolates(settings) is isolates
