"""What is sealed opens with the tenant's key, for the very photo it was sealed for, and in no other way."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from streetveil.crops.base import CropsOf, NoVault
from streetveil.crops.envelope import EnvelopeVault
from streetveil.crops.keys import KeyFolder
from streetveil.domain.job import new_id
from streetveil.errors import (
    ConfigurationError,
    CropsKeyMissingError,
    CropsUnreadableError,
    InvalidOptionError,
)

OF = CropsOf("acme", new_id(), 1)
PLAIN = b"a face, pixel by pixel"


@pytest.fixture
def keys(tmp_path):
    folder = KeyFolder(tmp_path / "keys")
    folder.create("acme")
    folder.create("other")
    return folder


@pytest.fixture
def vault(keys):
    return EnvelopeVault(keys)


def test_what_is_sealed_opens_again_and_never_looks_the_same(vault):
    sealed = [vault.seal(PLAIN, OF), vault.seal(PLAIN, OF)]
    assert [vault.open(item, OF) for item in sealed] == [PLAIN, PLAIN]
    assert sealed[0] != sealed[1]
    assert PLAIN not in sealed[0]


@pytest.mark.parametrize(
    "other",
    [replace(OF, job_id=new_id()), replace(OF, claim=2), replace(OF, tenant="other")],
    ids=["job", "claim", "tenant"],
)
def test_it_opens_for_no_other_photo(vault, other):
    with pytest.raises(CropsUnreadableError):
        vault.open(vault.seal(PLAIN, OF), other)


def test_even_with_the_same_key_it_opens_for_no_other_tenant(vault, tmp_path):
    (tmp_path / "keys/other.key").write_bytes((tmp_path / "keys/acme.key").read_bytes())
    with pytest.raises(CropsUnreadableError, match="belong to another photo"):
        vault.open(vault.seal(PLAIN, OF), replace(OF, tenant="other"))


def test_any_change_of_any_byte_is_noticed(vault):
    sealed = vault.seal(PLAIN, OF)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(CropsUnreadableError):
            vault.open(bytes(changed), OF)


def test_what_was_cut_off_is_noticed(vault):
    sealed = vault.seal(PLAIN, OF)
    for length in range(len(sealed)):
        with pytest.raises(CropsUnreadableError):
            vault.open(sealed[:length], OF)
    with pytest.raises(CropsUnreadableError):
        vault.open(sealed + b"\0", OF)


def test_without_its_key_it_never_opens_again(vault, keys):
    sealed = vault.seal(PLAIN, OF)
    keys.delete("acme")
    with pytest.raises(CropsUnreadableError, match="gone"):
        vault.open(sealed, OF)
    keys.create("acme")
    with pytest.raises(CropsUnreadableError, match="another now"):
        vault.open(sealed, OF)


def test_a_tenant_without_a_key_has_nothing_sealed(vault):
    for use in (lambda: vault.ensure_key("nobody"), lambda: vault.seal(PLAIN, replace(OF, tenant="nobody"))):
        with pytest.raises(CropsKeyMissingError, match="nobody"):
            use()


def test_a_service_without_keys_seals_and_opens_nothing(vault):
    with pytest.raises(InvalidOptionError, match="reversible"):
        NoVault().ensure_key("acme")
    with pytest.raises(CropsKeyMissingError):
        NoVault().seal(PLAIN, OF)
    with pytest.raises(CropsUnreadableError):
        NoVault().open(vault.seal(PLAIN, OF), OF)


def test_a_key_that_others_can_read_is_not_used(vault, tmp_path):
    for mode in (0o640, 0o604, 0o660):
        (tmp_path / "keys/acme.key").chmod(mode)
        with pytest.raises(ConfigurationError, match="chmod 600"):
            vault.seal(PLAIN, OF)


@pytest.mark.parametrize("content", [b"", b"\n", b"c2hvcnQ=", b"not base64!", bytes(range(32)), b"\xff" * 100])
def test_a_file_that_is_no_key_is_not_used(vault, tmp_path, content):
    path = tmp_path / "keys/acme.key"
    key = path.read_bytes()
    # Not even beside one: what is lost of a file may be the newest.
    for written in (content, key + b"c2hvcnQ=\n"):
        path.write_bytes(written)
        with pytest.raises(ConfigurationError, match="32 random bytes"):
            vault.seal(PLAIN, OF)


def test_keys_are_for_their_owner_s_eyes(keys, tmp_path):
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys/acme.key").stat().st_mode & 0o777 == 0o600
    assert keys.ids().keys() == {"acme", "other"}
    assert keys.ids()["acme"] != keys.ids()["other"]


def test_no_key_is_ever_replaced(keys):
    with pytest.raises(ConfigurationError, match="there already"):
        keys.create("acme")


def test_after_a_rotation_a_new_key_seals_and_the_old_one_still_opens(vault, keys, tmp_path):
    before = vault.seal(PLAIN, OF)
    [first] = keys.ids()["acme"]
    second = keys.rotate("acme")
    after = vault.seal(PLAIN, OF)
    assert [vault.open(sealed, OF) for sealed in (before, after)] == [PLAIN, PLAIN]
    assert keys.ids()["acme"] == [second, first]
    assert (tmp_path / "keys/acme.key").stat().st_mode & 0o777 == 0o600

    keys.delete_old("acme")
    assert vault.open(after, OF) == PLAIN
    with pytest.raises(CropsUnreadableError, match="gone"):
        vault.open(before, OF)
    keys.delete("acme")
    with pytest.raises(CropsUnreadableError, match="gone"):
        vault.open(after, OF)


def test_of_rotations_at_the_same_time_no_key_is_lost(keys):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: keys.rotate("acme"), range(20)))
    assert set(made) < set(keys.ids()["acme"])
    assert len(keys.ids()["acme"]) == 21


def test_a_rotation_that_was_broken_off_leaves_the_keys_as_they_were(vault, keys, tmp_path, monkeypatch):
    before = vault.seal(PLAIN, OF)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", lambda *_: pytest.fail("the power went"))
        with pytest.raises(pytest.fail.Exception):
            keys.rotate("acme")
    assert vault.open(before, OF) == PLAIN
    assert len(keys.ids()["acme"]) == 1
    keys.rotate("acme")
    assert vault.open(before, OF) == PLAIN
    keys.delete("acme")
    keys.delete("other")
    assert not list((tmp_path / "keys").iterdir())


def test_keys_do_not_grow_for_ever(keys, tmp_path):
    path = tmp_path / "keys/acme.key"
    path.write_bytes(path.read_bytes() * 1000)
    with pytest.raises(ConfigurationError, match="delete old ones"):
        keys.rotate("acme")


def test_there_is_nothing_to_rotate_where_there_is_no_key(keys, tmp_path):
    for folder in (keys, KeyFolder(tmp_path / "nowhere")):
        with pytest.raises(CropsKeyMissingError):
            folder.rotate("nobody")


def test_a_name_that_is_no_tenant_reaches_no_file(keys):
    for name in ("../acme", "a/b", "", ".", "A"):
        with pytest.raises(ValueError, match="not a tenant"):
            keys.delete(name)


def test_a_folder_that_others_can_write_into_is_refused(keys, tmp_path):
    (tmp_path / "keys").chmod(0o770)
    with pytest.raises(ConfigurationError, match="nobody but its owner"):
        keys.check()
    with pytest.raises(ConfigurationError, match="folder"):
        KeyFolder(tmp_path / "nowhere").check()
