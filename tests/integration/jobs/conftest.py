"""The services of the unit tests, with MariaDB in place of SQLite."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.house import House, TurnableClock


@pytest.fixture
def make_house(migrated_mariadb, tmp_path):
    """Makes services; those of the same `name` share a database and a data folder, as one that was restarted does."""
    houses: list[House] = []
    clock = TurnableClock()

    def make(name: str = "data", **more: Any) -> House:
        root = tmp_path / name
        url = migrated_mariadb.url if root.exists() else migrated_mariadb.emptied()
        root.mkdir(exist_ok=True)
        houses.append(House(root, clock, url=url, **more))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


@pytest.fixture
def house(make_house):
    return make_house()
