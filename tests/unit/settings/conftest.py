"""The places that settings come from, without those of whoever runs the tests."""

import json

import pytest
from tests.support.own_settings import forget

from streetveil.errors import ConfigurationError
from streetveil.settings import load_settings

SECRET = "hunter2-do-not-tell"


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """No setting of anybody's, and a current folder of our own."""
    forget(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pipeline_config(monkeypatch, path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    monkeypatch.setenv("PIPELINE_CONFIG", str(path))


def refusal(overrides=None):
    """The sentence with which settings are refused; it has no secret in it."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(overrides)
    assert caught.value.code == "invalid_configuration"
    assert SECRET not in caught.value.detail
    return caught.value.detail
