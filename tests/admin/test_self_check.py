"""The staff's page of the self-check."""

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from sms_accounts import self_check
from sms_accounts.checking import Level
from sms_accounts.models import Heartbeat
from tests.admin.rows import text_of
from tests.factories import make_user
from tests.pages.checks import check_page
from tests.simulator_rig import unused_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _broker_that_is_away(settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{unused_port()}/0"


def test_tells_each_check_with_its_figure_and_what_to_do(browser):
    Heartbeat.objects.create(
        kind="worker", name="worker@a", queues="alerts", at=Now(), own_clock=timezone.now()
    )

    response = browser.get(reverse("self-check"))

    page = text_of(response)
    check_page(response.content.decode())
    assert "Something does not work." in page
    assert "1 running" in page
    assert "Start a worker for this queue again." in page
    assert "Start Redis or Valkey" in page
    for check in self_check.run():
        assert str(check.label) in page


@pytest.mark.parametrize(
    ("level", "summary"),
    [
        (Level.OK, "All is well."),
        (Level.WARN, "It works, but somebody should look at something soon."),
        (Level.FAIL, "Something does not work."),
    ],
)
def test_begins_with_the_worst(browser, monkeypatch, level, summary):
    ok = self_check.Check(name="a", label="A", level=Level.OK, figure="1")
    worst = self_check.Check(name="b", label="B", level=level, figure="<2>", advice="Do it.")
    monkeypatch.setattr(self_check, "run", lambda: [ok, worst])

    page = text_of(browser.get(reverse("self-check")))

    assert summary in page
    assert "&lt;2&gt;" in page


def test_is_found_from_every_page_of_the_staff(browser):
    assert f'href="{reverse("self-check")}"' in text_of(browser.get(reverse("admin:index")))


def test_is_for_staff_alone(client):
    assert client.get(reverse("self-check")).status_code == 302
    client.force_login(make_user())

    response = client.get(reverse("self-check"))

    assert response.status_code == 302
    assert "self-check" not in response.content.decode()
