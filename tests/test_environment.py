"""Settings from the environment: read once, refused by name when wrong."""

import pytest

from panel import environment


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in environment.Environment.model_fields:
        monkeypatch.delenv(name, raising=False)


def test_nothing_needs_to_be_set():
    assert environment.read().PANEL_PROXIES == 0


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("PANEL_URL", "panel.example", "must look like 'https://panel.example'"),
        ("PANEL_PROXIES", "two", "valid integer"),
        ("PANEL_PROXIES", "-1", "greater than or equal to 0"),
        ("PANEL_SECRET_KEY", "short", "at least 50 characters"),
        ("DATABASE_URL", "mysql://localhost/panel", "postgresql://"),
        ("DATABASE_URL", "postgresql://localhost", "postgresql://"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("PANEL_SMTP_URL", "mail.example", "smtp://"),
        ("PANEL_TIME_ZONE", "Paris", "Europe/Paris"),
        ("PANEL_MAX_PARTS", "0", "greater than or equal to 1"),
        ("PANEL_ALERT_SENDER", "x", "pattern"),
        ("PANEL_CARRIER", "pigeon", "'simulator'"),
        ("CALLBACK_TRUSTED_NETWORKS", "10.0.0.0/8,nowhere", "CIDR form"),
        ("CALLBACK_TRUSTED_NETWORKS", "10.0.0.1/8", "CIDR form"),
        ("PANEL_LOG_LEVEL", "LOUD", "'DEBUG'"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(monkeypatch, name, value, accepted):
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        environment.read()

    assert f"  {name}" in str(ended.value)
    assert accepted in str(ended.value)


def test_all_wrong_values_are_told_at_once(monkeypatch):
    monkeypatch.setenv("PANEL_PROXIES", "two")
    monkeypatch.setenv("PANEL_TIME_ZONE", "Paris")

    with pytest.raises(SystemExit) as ended:
        environment.read()

    assert "PANEL_PROXIES" in str(ended.value)
    assert "PANEL_TIME_ZONE" in str(ended.value)


def test_a_misspelt_name_is_refused_with_the_likely_one(monkeypatch):
    monkeypatch.setenv("PANEL_PROXYS", "1")

    with pytest.raises(SystemExit, match="PANEL_PROXIES"):
        environment.read()


def test_an_empty_value_means_not_set(monkeypatch):
    monkeypatch.setenv("PANEL_PROXIES", "")

    assert environment.read().PANEL_PROXIES == 0


@pytest.mark.parametrize(
    ("url", "port", "ssl", "tls"),
    [
        ("smtp://mail.example", 587, False, False),
        ("smtp://u:p@mail.example", 587, False, True),
        ("smtp://mail.example:2525", 2525, False, False),
        ("smtps://u:p%40@mail.example", 465, True, False),
    ],
)
def test_smtp_urls_become_django_settings(url, port, ssl, tls):
    made = environment.smtp_settings(url)

    assert (made["EMAIL_PORT"], made["EMAIL_USE_SSL"], made["EMAIL_USE_TLS"]) == (port, ssl, tls)
