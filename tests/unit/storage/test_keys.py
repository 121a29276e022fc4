"""Keys are made of ids alone: nothing a client sends can name an object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import new_id
from streetveil.storage.keys import ObjectName, extension_of, metadata_key, original_key, parse_key, processed_key

ID = "01890000-0000-7000-8000-00000000abcd"


def test_keys_read_as_the_contract_says():
    assert original_key(DEFAULT_TENANT, ID, "jpg") == f"original/{ID}.jpg"
    assert processed_key(DEFAULT_TENANT, ID, 1, "png") == f"processed/{ID}.png"
    assert metadata_key(DEFAULT_TENANT, ID, 1) == f"metadata/{ID}.json"


def test_each_claim_has_names_of_its_own():
    assert processed_key(DEFAULT_TENANT, ID, 2, "jpg") == f"processed/{ID}.2.jpg"
    assert metadata_key(DEFAULT_TENANT, ID, 3) == f"metadata/{ID}.3.json"


def test_those_of_other_tenants_than_the_default_one_have_a_prefix():
    assert original_key("city-7", ID, "jpg") == f"tenants/city-7/original/{ID}.jpg"
    assert processed_key("city-7", ID, 2, "jpg") == f"tenants/city-7/processed/{ID}.2.jpg"
    assert metadata_key("city-7", ID, 1) == f"tenants/city-7/metadata/{ID}.json"


@pytest.mark.parametrize("tenant", [DEFAULT_TENANT, "city-7", "x" * 32])
@pytest.mark.parametrize("claim", [1, 2, 17])
def test_keys_can_be_read_back(claim, tenant):
    job_id = new_id()
    assert parse_key(original_key(tenant, job_id, "jpg")) == ObjectName(tenant, "original", job_id, 0)
    assert parse_key(processed_key(tenant, job_id, claim, "jpg")) == ObjectName(tenant, "processed", job_id, claim)
    assert parse_key(metadata_key(tenant, job_id, claim)) == ObjectName(tenant, "metadata", job_id, claim)


@pytest.mark.parametrize("tenant", ["", ".", "..", "a/b", "../a", "A", "-a", "a-", "ü", "x" * 33, "a\n", "original/.."])
def test_what_is_no_tenant_makes_no_key(tenant):
    with pytest.raises(ValueError, match="not a tenant"):
        original_key(tenant, ID, "jpg")
    assert parse_key(f"tenants/{tenant}/original/{ID}.jpg") is None


@pytest.mark.parametrize(
    ("job_id", "extension"),
    [("../../etc/passwd", "jpg"), ("", "jpg"), (ID.upper(), "jpg"), (ID + "\n", "jpg"), (ID, "../x"), (ID, "")],
)
def test_what_is_no_id_or_extension_makes_no_key(job_id, extension):
    with pytest.raises(ValueError, match="id of a job"):
        original_key(DEFAULT_TENANT, job_id, extension)


@given(st.text())
def test_other_names_are_not_taken_for_keys(name):
    assert parse_key(name) is None
    assert parse_key(f"original/{name}.jpg") is None


@pytest.mark.parametrize(
    "key",
    [
        f"original/{ID}.2.jpg",
        f"tenants/default/original/{ID}.jpg",
        f"tenants/original/{ID}.jpg",
        f"processed/{ID}.0.jpg",
        f"other/{ID}.jpg",
        f"original/{ID}",
    ],
)
def test_near_misses_are_not_taken_for_keys(key):
    assert parse_key(key) is None


def test_the_extension_is_the_last_part():
    assert extension_of(processed_key(DEFAULT_TENANT, ID, 2, "tif")) == "tif"
