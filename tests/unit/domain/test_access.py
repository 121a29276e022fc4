from __future__ import annotations

import pytest

from streetveil.domain.access import ANYONE, Principal, Scope, is_tenant


def test_a_principal_may_what_their_scopes_say() -> None:
    reader = Principal("ann", "default", frozenset({Scope.READ}))
    assert reader.may(Scope.READ)
    assert not reader.may(Scope.READ_ORIGINAL)
    assert not reader.may(Scope.ERASE)


@pytest.mark.parametrize("scope", Scope)
def test_admin_stands_for_every_scope(scope: Scope) -> None:
    assert Principal("root", "default", frozenset({Scope.ADMIN})).may(scope)
    assert ANYONE.may(scope)


@pytest.mark.parametrize("name", ["default", "a", "city-of-x", "0", "a" * 32])
def test_names_that_can_stand_in_a_key_are_tenants(name: str) -> None:
    assert is_tenant(name)


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", "-a", "a-", "a" * 33, "a b", "a\n", "ä", "a.b"])
def test_names_that_could_lead_elsewhere_are_not(name: str) -> None:
    assert not is_tenant(name)
