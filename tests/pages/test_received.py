"""The tab of replies: what phones sent, a search in it, CSV, and where else replies show."""

import csv
import io
from ipaddress import ip_network

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import accounts, callback_settings, receiving
from sms_accounts.forms.received import ReceivedFilterForm
from sms_accounts.models import Callback, Membership, Received, Submission
from tests.factories import MSISDN, make_account, make_api_user, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.plans import plan_of
from tests.receiver import Receiver
from tests.replied import NUMBER, came, came_by_smpp, make_number, make_sent, part

LIST = "/sms/sms-ab12345-1/received/"
CSV = f"{LIST}csv/"
OPTIONS = "/sms/sms-ab12345-1/options/"
OTHER = "32470123456"


def said(answer) -> str:
    return text_of(answer.content.decode())


@pytest.fixture
def user(account):
    make_number(account)
    return make_api_user(account=account, login="shop")


def found(browser, **typed):
    return [each.text for each in browser.get(LIST, typed).context["found"]]


class TestList:
    def test_teaches_who_has_no_number_that_takes_replies(self, browser, account):
        page = said(browser.get(LIST))

        assert "No phone can reply yet. A name cannot be answered, only a number." in page

    def test_teaches_who_has_one(self, browser, user):
        page = said(browser.get(LIST))

        assert "Nobody has replied yet." in page
        assert f"Phones can answer what is sent from {NUMBER}." in page

    def test_says_who_wrote_what_and_which_message_it_answers(self, browser, user):
        sent = make_sent(user, tag="spring")
        came("Ça va <b>bien</b>")
        came("STOP")

        page = browser.get(LIST)

        told = said(page)
        assert f"+{MSISDN} to +{NUMBER} just now Ça va <b>bien</b> - {sent.pk} spring shop" in told
        assert "just now STOP STOP Answer" in told
        answer = Submission.objects.get(channel="answer").messages.get()
        for message in (sent, answer):
            assert f"/sms/sms-ab12345-1/messages/{message.pk}/" in page.content.decode()

    def test_says_why_a_keyword_was_not_answered_and_what_did_not_come(
        self, browser, user, time_machine
    ):
        accounts.set_answers_stop(user.account, False, by=None)
        came("STOP")
        make_sent(user, sender="36184")
        came_by_smpp(part(1, b"half of it"))
        assert "half of it" not in said(browser.get(LIST))
        time_machine.move_to(timezone.now() + receiving.INCOMPLETE_AFTER)
        receiving.read_received()

        told = said(browser.get(LIST))

        assert "STOP Not answered: answers are switched off." in told
        assert "half of it[…] 1 part did not come" in told

    def test_shows_nothing_of_others_and_nothing_unassigned(self, browser, bobs_browser, user):
        came("for Alice")
        came("for nobody", receiver="36184")

        assert found(browser) == ["for Alice"]
        assert bobs_browser.get(LIST).status_code == 404
        assert bobs_browser.get(CSV).status_code == 404

    def test_is_open_to_viewers(self, account, user):
        came("Hello")
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        assert found(viewer) == ["Hello"]

    def test_pages_by_keys_and_asks_as_much_for_many(self, browser, user):
        make_sent(user)
        came("STOP")

        def queries():
            with CaptureQueriesContext(
                connection,
            ) as captured:
                browser.get(LIST)
            return len(captured)

        few = queries()
        for number in range(60):
            came(f"text {number}", sender=f"336399801{number:02}")
        assert queries() <= few
        first = browser.get(LIST)
        assert len(first.context["found"]) == 50
        assert len(browser.get(LIST + first.context["older"]).context["found"]) == 11


class TestSearch:
    @pytest.fixture
    def texts(self, user):
        make_sent(user)
        came("Yes, please")
        came("no", sender=OTHER)
        came("STOP", sender=OTHER)

    def test_finds_numbers_in_every_form(self, browser, texts):
        for typed in (f"+{OTHER}", OTHER, "0032 470 12 34 56", "32 470-123-456"):
            assert found(browser, q=typed) == ["STOP", "no"]

    def test_finds_words_of_a_text(self, browser, texts):
        assert found(browser, q="please") == ["Yes, please"]
        assert found(browser, q="nothing of it") == []
        assert "No reply is like that." in said(browser.get(LIST, {"q": "nothing"}))

    def test_finds_by_api_user_keyword_and_day(self, browser, texts, user, time_machine):
        today = f"{timezone.now():%Y-%m-%d}"

        assert found(browser, user=user.pk) == ["Yes, please"]
        assert found(browser, keyword="stop") == ["STOP"]
        assert len(found(browser, since=today, until=today)) == 3
        assert found(browser, until="2026-01-01") == []

    def test_says_what_it_cannot_read(self, browser, texts):
        assert "Enter a date, such as 2026-01-31." in said(browser.get(LIST, {"since": "soon"}))
        assert len(found(browser, user="999999", q="\0")) == 3

    def test_of_a_number_and_of_a_user_take_an_index(self, account, user):
        Received.objects.bulk_create(
            Received(account=account, msisdn=f"3363998{each:04}", received_at=timezone.now())
            for each in range(500)
        )
        with connection.cursor() as cursor:
            # Of a few rows one index is as good as another.
            cursor.execute("ANALYZE sms_accounts_received")
        other = make_account()
        for whose, typed, index in (
            (account, f"q=%2B{OTHER}", "received_of_msisdn"),
            (other, "", "received_of_account"),
        ):
            form = ReceivedFilterForm(QueryDict(typed), account=account)
            listed = form.filtered(Received.objects.filter(account=whose))
            assert index in plan_of(listed.order_by("-pk")[:51])


class TestCsv:
    def test_has_what_a_search_finds(self, browser, user):
        sent = make_sent(user, tag="spring")
        came("=SUM(1)")
        came("other", sender=OTHER)

        answer = browser.get(CSV, {"q": MSISDN})

        rows = list(csv.reader(io.StringIO(b"".join(answer).decode()), delimiter=";"))
        received = Received.objects.get(msisdn=MSISDN)
        assert rows == [
            [
                *("id", "date", "from", "to", "text", "keyword", "messageId", "user", "tag"),
                *("parts", "missing"),
            ],
            [
                *(str(received.pk), received.received_at.isoformat(timespec="seconds")),
                *(MSISDN, NUMBER, "'=SUM(1)", "", str(sent.pk), "shop", "spring", "1", "0"),
            ],
        ]


def test_a_message_shows_its_replies(browser, user):
    sent = make_sent(user)
    came("Merci")

    page = said(browser.get(f"/sms/sms-ab12345-1/messages/{sent.pk}/"))

    assert "Replies" in page
    assert "Merci" in page


class TestCallbacks:
    def test_show_replies_among_the_others(self, browser, user):
        accounts.set_callback(user.account, "", replies_url="https://example.com/?key=1", by=None)
        sent = make_sent(user)
        received = came("Merci & co")
        callback = Callback.objects.get()

        listed = said(browser.get("/sms/sms-ab12345-1/callbacks/"))
        page = said(browser.get(f"/sms/sms-ab12345-1/callbacks/{callback.pk}/"))

        assert f"Reply {received.pk} https://example.com/ just now Reply received" in listed
        assert f"Callback of reply {received.pk}" in page
        assert f"From +{MSISDN} To +{NUMBER} Text Merci & co Received" in page
        assert f"Answers message {sent.pk} Sequence 1" in page

    def test_are_named_in_the_dialog_of_a_user(self, browser, user):
        url = f"/sms/sms-ab12345-1/api-users/{user.pk}/callback/"
        typed = {"url": "", "replies_url": "https://example.com/r?key=1", "method": "post"}

        browser.post(url, typed)

        assert callback_settings.replies_url(user) == "https://example.com/r?key=1"
        page = said(browser.get(f"/sms/sms-ab12345-1/api-users/{user.pk}/"))
        assert "https://example.com/r is told of replies." in page
        # Who posts the other URL alone leaves this one as it is.
        browser.post(url, {"url": "https://example.com/dlr"})
        assert callback_settings.replies_url(user) == "https://example.com/r?key=1"
        browser.post(url, {"url": "", "replies_url": ""})
        assert callback_settings.replies_url(user) == ""

    def test_are_named_in_the_options_of_the_account(self, browser, account):
        browser.post(f"{OPTIONS}callback/", {"url": "", "replies_url": "https://example.com/r"})

        page = said(browser.get(OPTIONS))
        assert "https://example.com/r hears of replies. Calls are not signed." in page

    def test_do_not_lead_into_the_house(self, browser, account):
        typed = {"url": "", "replies_url": "http://127.0.0.1/"}
        answer = browser.post(f"{OPTIONS}callback/", typed)

        assert answer.status_code == 200
        assert answer.context["form"].errors["replies_url"]
        assert callback_settings.replies_url(account) == ""

    def test_can_be_tried_before_they_are_saved(self, browser, account, settings):
        settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
        with Receiver() as receiver:
            typed = {"url": "", "replies_url": f"{receiver.url}?a=1", "test": "replies"}
            page = said(browser.post(f"{OPTIONS}callback/", typed))

        [request] = receiver.requests
        assert request.values[:5] == [
            ("a", "1"),
            ("id", "0"),
            ("from", "33639980004"),
            ("to", "33639980000"),
            ("text", "Test"),
        ]
        assert request.headers["Webhook-Id"].startswith("reply_test_")
        assert "HTTP/1.1 200 OK" in page
        assert callback_settings.replies_url(account) == ""
        empty = browser.post(f"{OPTIONS}callback/", {"url": "", "test": "replies"})
        assert "Enter the URL that is to be tried." in said(empty)


class TestAnswersToStop:
    def test_are_switched_in_the_options(self, browser, account):
        assert "Answered once by an SMS that the account pays" in said(browser.get(OPTIONS))

        off = browser.post(f"{OPTIONS}answers-stop/", {}, follow=True)

        assert "STOP is answered no more." in said(off)
        assert "Not answered. The number is put on the list of opt-outs all the same." in said(off)
        assert not accounts.answers_stop(account)
        on = browser.post(f"{OPTIONS}answers-stop/", {"answers_stop": "on"}, follow=True)
        assert "STOP is answered now." in said(on)


def test_an_api_user_leads_to_its_replies(browser, user):
    page = browser.get(f"/sms/sms-ab12345-1/api-users/{user.pk}/").content.decode()

    assert f"/sms/sms-ab12345-1/received/?user={user.login}" in page
