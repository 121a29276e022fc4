from datetime import timedelta

import pytest
from tests.unit.settings.conftest import pipeline_config, refusal

from streetveil.domain.options import Style
from streetveil.settings import load_settings


def test_choices_are_read_by_their_names(monkeypatch):
    monkeypatch.setenv("DEFAULT_STYLE", "solid")
    monkeypatch.setenv("LOG_LEVEL", "debug")

    settings = load_settings().settings

    assert settings.default_style is Style.SOLID
    assert settings.log_level == "DEBUG"


def test_a_tilde_is_the_home_folder(monkeypatch, places):
    monkeypatch.setenv("HOME", str(places))
    monkeypatch.setenv("STREETVEIL_CACHE", "~/models")
    monkeypatch.setenv("DATA_DIR", "~/data")

    settings = load_settings().settings

    assert settings.streetveil_cache == places / "models"
    assert settings.data_dir == places / "data"


@pytest.mark.parametrize(("given", "device"), [("CUDA:0,1", "cuda:0,1"), (" auto ", "auto"), ("tensorrt", "tensorrt")])
def test_a_device_is_taken_as_people_write_it(monkeypatch, given, device):
    monkeypatch.setenv("DEVICE", given)

    assert load_settings().settings.device == device


@pytest.mark.parametrize("given", ["gpu", "cuda:", "cuda:x", "cpu:0", "cuda:0,,1"])
def test_a_device_nobody_knows_is_refused_with_those_that_are_known(monkeypatch, given):
    monkeypatch.setenv("DEVICE", given)

    assert "DEVICE (from environment)" in refusal()
    assert "auto, cpu, cuda or tensorrt" in refusal()


def test_retention_is_written_as_people_do_and_for_tenants_as_json(monkeypatch):
    monkeypatch.setenv("RETENTION_ORIGINAL", "0")
    monkeypatch.setenv("RETENTION_RESULT", "30d")
    monkeypatch.setenv("RETENTION_TENANTS", '{"acme": {"original": "12h", "result": null}, "other": {}}')

    settings = load_settings().settings

    assert (settings.retention_original, settings.retention_result) == (timedelta(), timedelta(days=30))
    assert settings.retention_failed is None
    assert settings.retention_tenants == {"acme": {"original": timedelta(hours=12), "result": None}, "other": {}}


def test_retention_may_stand_in_a_pipeline_config(places, monkeypatch):
    content = {"retention_original": 0, "retention_tenants": {"acme": {"original": "1d"}}}
    pipeline_config(monkeypatch, places / "c.json", content)

    settings = load_settings().settings

    assert settings.retention_original == timedelta()
    assert settings.retention_tenants == {"acme": {"original": timedelta(days=1)}}


@pytest.mark.parametrize("text", ["30", "-1d", "soon", "P1D", "1.5d"])
def test_a_retention_that_could_be_misread_is_refused(monkeypatch, text):
    monkeypatch.setenv("RETENTION_ORIGINAL", text)

    assert "RETENTION_ORIGINAL (from environment)" in refusal()
    assert "such as 0, 12h, 30d" in refusal()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"acme": "0"}',
        '{"acme": {"originals": "0"}}',
        '{"acme": {"crops": null}}',
        '{"Acme!": {"original": "0"}}',
        '{"a": {"result": []}}',
    ],
)
def test_retention_of_tenants_that_says_nothing_is_refused(monkeypatch, text):
    monkeypatch.setenv("RETENTION_TENANTS", text)

    assert "RETENTION_TENANTS (from environment)" in refusal()


@pytest.mark.parametrize("value", ["*", "127.0.0.1", "::1, 10.0.0.0/8", "fd00::/8"])
def test_proxies_are_addresses_and_networks(monkeypatch, value):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", value)

    assert load_settings().settings.forwarded_allow_ips == value


@pytest.mark.parametrize(
    "value", ["nginx", "10.0.0.7/8", "10.0.0.0/33", "10.0.0.1 10.0.0.2", "10.0.0.1,", "10.0.0.1,*"]
)
def test_a_proxy_that_would_never_be_believed_is_refused(monkeypatch, value):
    """All who come through it would be one client, which limits and the audit log would take for the proxy."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", value)

    assert "FORWARDED_ALLOW_IPS (from environment): Value error, must be addresses and networks" in refusal()
