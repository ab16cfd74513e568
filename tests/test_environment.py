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
        ("PANEL_URL", "http://panel.example:port", "must look like 'https://panel.example'"),
        ("PANEL_URL", "http://[::1", "must look like 'https://panel.example'"),
        ("PANEL_URL", "https://panel.example/sms", "must look like 'https://panel.example'"),
        ("PANEL_HOSTS", "*", "host names"),
        ("PANEL_HOSTS", "panel.example,http://other.example", "(http://other.example)"),
        ("PANEL_PROXIES", "two", "valid integer"),
        ("PANEL_PROXIES", "-1", "greater than or equal to 0"),
        ("PANEL_SECRET_KEY", "short", "at least 50 characters"),
        ("PANEL_ENCRYPTION_KEYS", f"{'k' * 32},short", "at least 32 characters"),
        ("DATABASE_URL", "mysql://localhost/panel", "postgresql://"),
        ("DATABASE_URL", "postgresql://localhost", "postgresql://"),
        ("DATABASE_URL", "postgresql://localhost:port/panel", "postgresql://"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("REDIS_URL", "redis://localhost:port/0", "redis://"),
        ("REDIS_URL", "redis://localhost/zero", "redis://"),
        ("REDIS_URL", "redis:///0", "redis://"),
        ("REDIS_URL", "unix://", "unix:///path"),
        ("PANEL_SMTP_URL", "mail.example", "smtp://"),
        ("PANEL_SMTP_URL", "smtp://mail.example:99999", "smtp://"),
        ("PANEL_EMAIL_FROM", "SMS panel", "sms-panel@panel.example"),
        ("PANEL_EMAIL_FROM", "a@example.com\nBcc: b@example.com", "sms-panel@panel.example"),
        ("PANEL_SIMULATOR_URL", "http://carrier:99999", "http://carrier.example:8001"),
        ("PANEL_TIME_ZONE", "Paris", "Europe/Paris"),
        ("PANEL_LANGUAGE", "xx", "'en'"),
        ("PANEL_MAX_PARTS", "0", "greater than or equal to 1"),
        ("PANEL_VALIDITY", "0", "greater than or equal to 1"),
        ("PANEL_VALIDITY", "721", "less than or equal to 720"),
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


def test_a_misspelt_name_of_the_trusted_networks_is_refused_too(monkeypatch):
    monkeypatch.setenv("CALLBACK_TRUSTED_NETWORK", "10.0.0.0/8")

    with pytest.raises(SystemExit, match=r"CALLBACK_TRUSTED_NETWORKS\?"):
        environment.read()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://panel.example:8443", "panel.example"),
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[2001:db8::7]:8000", "[2001:db8::7]"),
    ],
)
def test_a_host_is_written_as_requests_name_it(url, host):
    assert environment.host_of(url) == host


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PANEL_URL", "https://panel.example:8443/"),
        ("PANEL_HOSTS", "web, 192.0.2.7, [2001:db8::7], panel.example"),
        ("DATABASE_URL", "postgresql:///panel"),
        ("REDIS_URL", "rediss://:secret@cache.example:6380"),
        ("REDIS_URL", "redis://127.0.0.1:6379/3"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("PANEL_SMTP_URL", "smtps://u:p%40@mail.example"),
        ("PANEL_EMAIL_FROM", "sms-panel@localhost"),
    ],
)
def test_each_accepted_form_is_taken(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    assert getattr(environment.read(), name)


def test_a_data_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.touch()

    with pytest.raises(SystemExit) as ended:
        environment.data_folder(in_the_way / "data")

    assert f"{in_the_way / 'data'} cannot be used: not a directory" in str(ended.value)
    assert "PANEL_DATA_DIR" in str(ended.value)


def test_a_data_folder_that_may_not_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_arguments: False)

    with pytest.raises(SystemExit, match="may not write"):
        environment.data_folder(tmp_path)


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
