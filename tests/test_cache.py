"""The cache: while its server is away, each process has one of its own."""

import pytest
from django.core.cache import caches
from django.core.cache.backends import locmem
from django.test import Client

from panel.cache import RedisCache
from tests.factories import PASSWORD, make_user
from tests.simulator_rig import unused_port


@pytest.fixture
def away(settings, monkeypatch):
    monkeypatch.setattr(RedisCache, "_away_until", 0.0)
    settings.CACHES = {
        "default": {
            "BACKEND": "panel.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{unused_port()}/0",
        }
    }
    yield caches["default"]
    locmem.LocMemCache("while Redis is away", {}).clear()


def test_counts_in_memory_where_nobody_listens(away):
    assert away.get("key", "nothing") == "nothing"
    assert away.add("key", 1)
    assert not away.add("key", 5)

    assert away.incr("key") == 2
    assert away.get_many(["key", "other"]) == {"key": 2}
    assert away.delete("key")
    assert away.get("key") is None


def test_does_not_try_for_each_count_to_reach_a_server_that_is_away(away, monkeypatch):
    tried = []

    def refuse(*_):
        tried.append("once")
        raise ConnectionError

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.get", refuse)

    for _ in range(5):
        away.get("key")

    assert len(tried) == 1


@pytest.mark.django_db
def test_people_sign_in_without_it(away):
    user = make_user()

    answer = Client().post("/auth/login/", {"login": user.email, "password": PASSWORD})

    assert answer.status_code == 302
