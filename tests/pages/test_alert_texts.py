"""The words of an account's alerts."""

import html

import pytest
import time_machine
from django.core import mail

from sms_accounts import alerts
from sms_accounts.accounts import alert_texts
from sms_accounts.models import AlertTexts, ApiUser, Submission
from tests.factories import make_api_user

URL = "/sms/sms-ab12345-1/alerts/"
FULL = {
    "email_customised": "on",
    "email_from": "alerts@example.com",
    "email_subject": "|USER| is low",
    "email_body": "Only |REMAINING| left.\r\nAct!",
    "sms_customised": "on",
    "sms_text": "|USER|: |REMAINING| of |CREDITSLEFT|",
}


def said(answer) -> str:
    return html.unescape(answer.content.decode())


def test_shows_our_words_and_the_variables(browser, account):
    page = said(browser.get(URL))

    assert "|USER|: |REMAINING| SMS credits left, alert at |ALERTTHRESHOLD|" in page
    for variable in ("|USER|", "|REMAINING|", "|ALERTTHRESHOLD|", "|CREDITSLEFT|"):
        assert f"<code>{variable}</code>" in page


def test_own_words_are_saved(browser, account):
    answer = browser.post(URL, FULL, follow=True)

    assert "The alert texts are saved." in said(answer)
    texts = alert_texts(account)
    assert texts.email_customised
    assert texts.sms_customised
    assert texts.email_from == "alerts@example.com"
    assert texts.email_body == "Only |REMAINING| left.\nAct!"
    assert texts.sms_text == FULL["sms_text"]


def test_the_two_switches_are_independent(browser, account):
    browser.post(URL, {**FULL, "email_customised": ""})

    texts = alert_texts(account)
    assert (texts.email_customised, texts.sms_customised) == (False, True)
    assert texts.email_subject == "|USER| is low"


def test_our_words_are_not_stored_as_the_holders(browser, account):
    page = browser.get(URL)
    form = page.context["form"]

    browser.post(URL, {name: form[name].value() or "" for name in form.fields} | {"sms_text": "x"})

    texts = alert_texts(account)
    assert (texts.email_from, texts.email_subject, texts.email_body) == ("", "", "")
    assert texts.sms_text == "x"


@pytest.mark.parametrize("name", ["email_from", "email_subject", "email_body", "sms_text"])
def test_each_text_is_required_while_its_switch_is_on(browser, account, name):
    answer = browser.post(URL, {**FULL, name: " \r\n "})

    assert f'id="id_{name}_error"' in said(answer)
    assert not AlertTexts.objects.exists()


def test_nothing_is_required_while_both_are_off(browser, account):
    answer = browser.post(URL, {"email_from": "", "email_subject": "", "sms_text": ""})

    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("text", "is_accepted"),
    [
        ("x" * 70, True),
        ("x" * 71, False),
        ("é" * 70, True),
        ("x" * 68 + "\r\ny", True),
        ("x" * 69 + "\r\ny", False),
        ("|USER|" + "x" * 64, True),
    ],
)
def test_an_sms_has_seventy_characters_before_substitution(browser, account, text, is_accepted):
    answer = browser.post(URL, {**FULL, "sms_text": text})

    assert (answer.status_code == 302) == is_accepted
    assert is_accepted or "at most 70 characters; it has 71." in said(answer)


@pytest.mark.parametrize("name", ["email_subject", "email_body", "sms_text"])
def test_unknown_variables_are_refused_by_name(browser, account, name):
    answer = browser.post(URL, {**FULL, name: "|USER| |NAME| |user|"})

    assert "There is no variable |NAME| or |user|." in said(answer)
    assert not AlertTexts.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email_from", "not an address"),
        ("email_from", "a@example.com\r\nBcc: b@example.com"),
        ("email_from", "A <a@example.com>"),
        ("email_subject", "Low\r\nBcc: b@example.com"),
        ("email_subject", "Low\nX: y"),
        ("email_subject", "x" * 151),
        ("email_body", "x" * 5001),
    ],
)
def test_headers_cannot_be_smuggled_in(browser, account, name, value):
    answer = browser.post(URL, {**FULL, name: value})

    assert f'id="id_{name}_error"' in said(answer)
    assert not AlertTexts.objects.exists()


def test_notices_that_nothing_changed(browser, account):
    browser.post(URL, FULL)

    assert "Nothing was changed" in said(browser.post(URL, FULL, follow=True))


class TestPreview:
    def preview(self, browser, typed):
        headers = {"HX-Request": "true", "HX-Target": "preview"}
        return browser.post(f"{URL}preview/", typed, headers=headers)

    def test_equals_what_is_sent(self, browser, account):
        user = make_api_user(
            account=account, login="shop", quota=50, threshold=60, support=ApiUser.Support.BOTH
        )
        browser.post(URL, {**FULL, "email_body": "<b>|USER|</b> {{ x }}\n|DATE| |ACCOUNT|"})
        with time_machine.travel(user.alerts.get().crossed_at, tick=False):
            shown = browser.get(URL)

        alerts.alert_due()

        [sent] = mail.outbox
        assert shown.context["mail"].body == sent.body
        assert shown.context["mail"].subject == sent.subject
        assert shown.context["mail"].sender == sent.from_email
        assert shown.context["sms"] == Submission.objects.get().text
        assert sent.body.strip() in said(shown)

    def test_follows_what_is_typed_and_stores_nothing(self, browser, account):
        make_api_user(account=account, login="shop", quota=50, threshold=5)

        answer = self.preview(browser, {**FULL, "sms_text": "|USER| ł"})

        page = said(answer)
        assert "shop is low" in page
        assert "shop ł" in page
        assert "70 characters a part" in page
        assert not AlertTexts.objects.exists()

    def test_counts_parts_after_the_variables_are_filled_in(self, browser, account):
        make_api_user(account=account, login="x" * 40, threshold=5)

        page = said(self.preview(browser, {**FULL, "sms_text": "|USER|" * 5}))

        assert "SMS, 2 parts" in page

    def test_shows_without_script_by_its_button(self, browser, account):
        answer = browser.post(URL, {**FULL, "email_subject": "Mine |USER|", "preview": "1"})

        assert answer.status_code == 200
        assert "Mine sms-ab12345-1" in said(answer)
        assert not AlertTexts.objects.exists()

    def test_shows_what_is_wrong_as_it_would_be(self, browser, account):
        answer = self.preview(browser, {**FULL, "email_subject": "|NAME| |USER|"})

        assert "|NAME| sms-ab12345-1" in said(answer)

    def test_is_for_those_who_may_change_the_texts(self, bobs_browser, account):
        assert self.preview(bobs_browser, FULL).status_code == 404
