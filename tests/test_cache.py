"""The cache: while its server is away, the panel works without."""

import pytest
from django.core.cache import caches
from django.test import Client

from tests.factories import PASSWORD, make_user
from tests.simulator_rig import unused_port


@pytest.fixture
def away(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "panel.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{unused_port()}/0",
        }
    }
    return caches["default"]


def test_answers_as_an_empty_one_where_nobody_listens(away):
    away.set("key", 1)

    assert away.get("key", "nothing") == "nothing"
    assert away.add("key", 1)
    assert not away.delete("key")


@pytest.mark.django_db
def test_people_sign_in_without_it(away):
    user = make_user()

    answer = Client().post("/auth/login/", {"login": user.email, "password": PASSWORD})

    assert answer.status_code == 302
