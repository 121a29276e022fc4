import numpy as np
import pytest
from tests.unit.database.conftest import make_job

from streetveil.bench.photos import PhotoSet, encoded
from streetveil.settings import Settings

__all__ = ["make_job"]


@pytest.fixture
def photos():
    """One small photo."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return PhotoSet([encoded(pixels)], "test")


@pytest.fixture
def settings():
    """Those of nobody's environment."""
    return Settings.model_validate({})
