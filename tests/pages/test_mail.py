"""The page of the mails that are kept instead of being sent."""

import os

import pytest
from django.core.mail import EmailMessage, get_connection

from sms_accounts.views.mail import EMBEDDED
from tests.factories import make_user
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in


@pytest.fixture
def staff(db, settings):
    settings.EMAIL_BACKEND = EMBEDDED
    return signed_in(make_user(staff=True))


def test_shows_the_newest_first(staff, settings):
    first = EmailMessage("Erste Prüfung", "Grüße\n<b>", "a@example.com", ["b@example.com"])
    second = EmailMessage("Second", "Body", "a@example.com", ["c@example.com"])
    get_connection().send_messages([first])
    for path in settings.MAIL_DIR.iterdir():
        os.utime(path, (1, 1))
    get_connection().send_messages([second, second])

    text = text_of(staff.get("/mail/").content.decode())

    assert "From a@example.com to c@example.com · just now Body" in text
    assert text.index("Second") < text.index("Erste Prüfung")
    assert text.count("Second") == 2
    assert "Grüße <b>" in text


def test_a_rule_of_dashes_in_a_mail_does_not_end_it(staff):
    body = "above\n" + "-" * 79 + "\nbelow"
    EmailMessage("One", body, to=["a@example.com"]).send()

    page = staff.get("/mail/")

    assert len(page.context["mails"]) == 1
    assert "below" in page.content.decode()


def test_says_that_there_is_none(staff):
    assert "No mail yet." in text_of(staff.get("/mail/").content.decode())


def test_is_for_staff_alone(browser, account, settings):
    settings.EMAIL_BACKEND = EMBEDDED

    assert browser.get("/mail/").status_code == 404


def test_is_not_there_where_mails_are_sent(staff, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"

    assert staff.get("/mail/").status_code == 404
