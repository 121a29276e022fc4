"""A scene detector whose models load when they are first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from streetveil.detection.base import Query, Scene, SceneDetector
from streetveil.imaging.picture import Picture


class LazySceneDetector:
    """For processes that rarely look at pictures themselves, as an API whose workers run elsewhere."""

    def __init__(self, build: Callable[[], SceneDetector]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._detector: SceneDetector | None = None

    def detect(self, pictures: Sequence[Picture], queries: Sequence[Query]) -> list[Scene]:
        """As `SceneDetector.detect`.

        Raises:
            ModelError: a model is missing or cannot be used; the next call tries again.
        """
        with self._lock:  # held while loading: the models are loaded once
            if self._detector is None:
                self._detector = self._build()
        return self._detector.detect(pictures, queries)
