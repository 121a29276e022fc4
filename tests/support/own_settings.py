"""Keeps the settings of whoever runs the tests out of them."""

import os

import pytest

from streetveil.settings import variables


def others() -> dict[str, str]:
    """The environment, but for what is a setting."""
    ours = variables()
    return {name: value for name, value in os.environ.items() if name.upper() not in ours}


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes all settings out of the environment for one test."""
    for name in os.environ.keys() - others().keys():
        monkeypatch.delenv(name)
