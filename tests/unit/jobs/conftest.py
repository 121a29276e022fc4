"""A whole embedded service in a temporary folder, with real adapters; only the anonymiser is a fake."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from tests.support.house import House, TurnableClock

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase


@pytest.fixture(scope="session")
def empty_root(tmp_path_factory):
    """A data folder with an empty, migrated database, to be copied: migrating takes longer than a test."""
    root = tmp_path_factory.mktemp("empty")
    database = SqlDatabase(open_engine(sqlite_url(root / "jobs.db")))
    database.upgrade()
    database.close()
    return root


@pytest.fixture
def make_house(empty_root, tmp_path):
    """Makes services; those of the same `name` share a data folder, as one that was restarted does."""
    houses: list[House] = []
    clock = TurnableClock()

    def make(name: str = "data", **more: Any) -> House:
        root = tmp_path / name
        if not root.exists():
            shutil.copytree(empty_root, root)
        houses.append(House(root, clock, **more))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


@pytest.fixture
def house(make_house):
    return make_house()
