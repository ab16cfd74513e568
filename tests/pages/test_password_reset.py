"""The way back in for somebody who forgot a password."""

from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends import locmem

from tests.pages.checks import text_of
from tests.pages.conftest import Browser

pytestmark = pytest.mark.django_db

URL = "/auth/password/reset/"


def ask(email, **headers):
    return Browser().post(URL, {"email": email}, follow=True, headers=headers)


def test_a_link_to_our_own_address_goes_to_the_person(alice, settings):
    settings.PANEL_URL = "https://panel.example"

    answer = ask("alice@example.com", host="localhost")

    assert "a link is on its way" in text_of(answer.content.decode())
    [sent] = mail.outbox
    assert (sent.to, sent.subject) == (["alice@example.com"], "Choose a new password")
    assert "https://panel.example/auth/password/reset/key/" in sent.body
    assert "localhost" not in sent.body


def test_the_link_leads_to_a_new_password(alice, settings):
    settings.PANEL_URL = "http://testserver"
    ask("alice@example.com")
    browser = Browser()

    link = str(mail.outbox[0].body).partition("http://testserver")[2].split()[0]
    page = browser.get(link, follow=True)
    new = {"password1": "Quite-another-1", "password2": "Quite-another-1"}
    browser.post(page.request["PATH_INFO"], new)

    alice.refresh_from_db()
    assert alice.check_password("Quite-another-1")


def test_nobody_else_gets_a_mail(alice):
    answer = ask("stranger@example.org")

    assert "a link is on its way" in text_of(answer.content.decode())
    assert mail.outbox == []


def test_a_mail_server_that_is_away_changes_nothing_in_the_answer(alice, monkeypatch):
    def away(*_arguments):
        raise SMTPServerDisconnected

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", away)

    answer = ask("alice@example.com")

    assert answer.status_code == 200
    assert "a link is on its way" in text_of(answer.content.decode())
