"""The model cache that the product itself would use, complete."""

from __future__ import annotations

from streetveil.detection.models import CATALOGUE
from streetveil.detection.weights import ModelCache
from streetveil.settings import load_settings


def complete_model_cache() -> ModelCache:
    """Fetches what is missing; needs no network where nothing is."""
    cache = ModelCache(load_settings(env_file=None).settings.streetveil_cache)
    cache.pull(CATALOGUE)
    return cache
