"""The tab of messages: the log, each message, CSV, and cancelling."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import delivery, submission
from sms_accounts.carriers import Rejected
from sms_accounts.models import (
    Activity,
    Attempt,
    DlrPost,
    DlrReport,
    Membership,
    Message,
    State,
    Submission,
)
from tests.factories import (
    make_account,
    make_api_user,
    make_callback,
    make_long_message,
    make_member,
    make_message,
    make_order,
)
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.scripted_carrier import installed

NUMBER = "33639980004"
OTHER = "33639980017"


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


def tab(account, **query) -> str:
    return reverse("messages", args=[account.name], query=query)


def page_of(message) -> str:
    return reverse("message", args=[message.account.name, message.pk])


def cancel_of(account) -> str:
    return reverse("messages-cancel", args=[account.name])


def said(answer) -> str:
    return text_of(answer.content.decode())


def listed(browser, account, **query) -> list[int]:
    return [each.pk for each in browser.get(tab(account, **query)).context["found"]]


def scheduled(user, *, after: timedelta = timedelta(hours=2)) -> Message:
    message = make_message(user=user)
    Message.objects.filter(pk=message.pk).update(
        state=State.SCHEDULED, due_at=timezone.now() + after
    )
    message.refresh_from_db()
    return message


class TestList:
    def test_says_what_to_do_when_nothing_was_sent(self, browser, account):
        page = said(browser.get(tab(account)))

        assert "Nothing was sent yet." in page
        assert "Connect a program" in page

    def test_shows_the_newest_first_with_what_became_of_each(self, browser, account, shop):
        first = make_message(user=shop, text="Your parcel is here", tag="parcels")
        second = make_message(user=shop, msisdn=OTHER)
        Message.objects.filter(pk=first.pk).update(state=State.DELIVERED, ptt=4)

        answer = browser.get(tab(account))

        assert [each.pk for each in answer.context["found"]] == [second.pk, first.pk]
        page = said(answer)
        for word in (f"+{NUMBER}", "shop", "parcels", "Your parcel is here", "Delivered", "ptt 4"):
            assert word in page

    def test_leads_to_older_ones_as_quickly_as_to_the_newest(
        self, browser, account, shop, monkeypatch
    ):
        monkeypatch.setattr("sms_accounts.views.messages.PAGE", 2)
        made = [make_message(user=shop).pk for _ in range(5)]
        made.reverse()

        pages = [listed(browser, account)]
        answer = browser.get(tab(account))
        while older := answer.context["older"]:
            answer = browser.get(tab(account) + older)
            pages.append([each.pk for each in answer.context["found"]])

        assert pages == [made[:2], made[2:4], made[4:]]

    def test_says_how_far_back_it_has_looked(self, browser, account, shop, monkeypatch):
        monkeypatch.setattr("sms_accounts.message_pages.FIRST", 1)
        monkeypatch.setattr("sms_accounts.message_pages.MOST", 2)
        wanted = make_message(user=shop, msisdn=OTHER)
        for _ in range(3):
            make_message(user=shop, tag="many")

        answer = browser.get(tab(account, state="delivered"))

        assert "No message since" in said(answer)
        answer = browser.get(tab(account, sender="NONE"))
        assert "2 are looked through at a time" in said(answer)
        assert "Look further back" in said(answer)
        Message.objects.filter(pk=wanted.pk).update(state=State.REJECTED)
        answer = browser.get(tab(account, state="failed"))
        answer = browser.get(tab(account) + answer.context["older"])
        assert [each.pk for each in answer.context["found"]] == [wanted.pk]

    def test_puts_its_filters_away_until_one_is_used(self, browser, account, shop):
        make_message(user=shop)

        def opened(**query) -> list[str]:
            html = browser.get(tab(account, **query)).content.decode()
            return re.findall(r'<details class="([\w-]+)"\s+open>', html)

        assert opened() == []
        assert opened(state="failed") == ["filters"]
        assert opened(tag="x") == ["filters", "more-filters"]
        # What is wrong is not hidden.
        assert opened(since="soon") == ["filters", "more-filters"]

    def test_takes_as_many_queries_for_fifty_as_for_one(self, browser, account, shop):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(tab(account))
            return len(captured)

        make_message(user=shop)
        queries()
        few = queries()
        for _ in range(10):
            make_message(user=make_api_user(account=account), tag="many")

        assert queries() == few <= 12

    def test_is_of_this_account_only(self, browser, account, shop):
        make_message(user=make_api_user(account=make_account()))

        assert listed(browser, account) == []

    def test_hides_what_retention_has_removed(self, browser, account, shop):
        message = make_message(user=shop, text="A secret")
        now = timezone.now()
        Submission.objects.update(text="", text_removed_at=now, numbers_removed_at=now)
        Message.objects.update(msisdn="004")

        for answer in (browser.get(tab(account)), browser.get(page_of(message))):
            page = said(answer)
            assert "…004" in page
            assert "+004" not in page
            assert "emoved" in page


class TestMessage:
    def test_tells_what_was_asked_and_who_paid(self, browser, account):
        user = make_api_user(account=account, login="shop", quota=20)
        message = make_long_message(parts=2, user=user)

        page = said(browser.get(page_of(message)))

        for word in (f"+{NUMBER}", "shop", "2 · GSM 03.38", "http2sms", "2.00"):
            assert word in page
        assert "paid from the quota of the API user" in page

    def test_tells_that_the_account_paid(self, browser, account, shop):
        assert "paid by the account" in said(browser.get(page_of(make_message(user=shop))))

    def test_shows_states_attempts_reports_and_callbacks(self, browser, account, shop, monkeypatch):
        installed(monkeypatch)
        message = make_message(user=shop)
        delivery.deliver_due()
        attempt = Attempt.objects.get(message=message)
        now = timezone.now()
        DlrReport.objects.create(
            post=DlrPost.objects.create(carrier="scripted", body=b"x", received_at=now),
            carrier="scripted",
            state="enroute",
            ptt=3,
            code="ACCEPTD err:000",
            received_at=now,
            attempt=attempt,
        )
        callback = make_callback("https://example.com/", message=message)

        answer = browser.get(page_of(message))

        page = said(answer)
        for word in ("On its way", "Taken", attempt.carrier_message_id, "ptt 3 ACCEPTD err:000"):
            assert word in page
        link = reverse("callback", args=[account.name, callback.pk])
        assert link in answer.content.decode()

    def test_tells_what_went_back(self, browser, account, shop, monkeypatch):
        installed(monkeypatch, Rejected(code="REJECTD err:023", ptt=23))
        message = make_message(user=shop)
        delivery.deliver_due()

        page = said(browser.get(page_of(message)))

        assert "1.00 given back" in page
        assert "What you can do" in page

    def test_takes_as_many_queries_however_much_became_of_it(self, browser, account, shop):
        def queries(message) -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(page_of(message))
            return len(captured)

        message = make_message(user=shop)
        queries(message)
        few = queries(message)
        for number in range(2, 9):
            make_callback("https://example.com/", message=message, sequence=number)

        assert queries(message) == few <= 15

    def test_of_another_account_does_not_exist(self, browser, account):
        other = make_message(user=make_api_user(account=make_account()))

        assert browser.get(page_of(other)).status_code == 404
        url = reverse("message", args=[account.name, other.pk])
        assert browser.get(url).status_code == 404


class TestCsv:
    def lines(self, browser, account, **query) -> list[list[str]]:
        url = reverse("messages-csv", args=[account.name], query=query)
        text = b"".join(browser.get(url).streaming_content).decode()
        return list(csv.reader(io.StringIO(text), delimiter=";"))

    def test_has_the_columns_of_the_guide_then_user_and_credits(self, browser, account, shop):
        message = make_message(user=shop, text='=HYPERLINK("x")', tag="parcels")

        head, line = self.lines(browser, account)

        assert ";".join(head) == (
            "id;date;sender;receiver;ptt;operatorCode;descriptionDlr;tag;message;sentAt;"
            "deliveredAt;user;credits"
        )
        values = dict(zip(head, line, strict=True))
        assert values["id"] == str(message.pk)
        assert values["receiver"] == NUMBER
        assert values["message"] == """'=HYPERLINK("x")"""
        assert (values["user"], values["tag"], values["credits"]) == ("shop", "parcels", "1.00")
        assert values["descriptionDlr"] == "Creating or pending"
        assert (values["ptt"], values["deliveredAt"]) == ("", "")

    def test_has_what_the_search_finds(self, browser, account, shop):
        wanted = make_message(user=shop, tag="parcels")
        make_message(user=shop)

        _head, line = self.lines(browser, account, tag="parcels")

        assert line[0] == str(wanted.pk)

    def test_is_read_in_portions(self, browser, account, shop, monkeypatch):
        for _ in range(3):
            make_message(user=shop)
        url = reverse("messages-csv", args=[account.name])

        answer = browser.get(url)

        assert answer.streaming
        assert len(b"".join(answer.streaming_content).splitlines()) == 4


class TestCancel:
    def test_asks_first_and_changes_nothing(self, browser, account, shop):
        message = scheduled(shop)

        answer = browser.post(cancel_of(account), {"message": [message.pk]})

        page = said(answer)
        assert "Cancel 1 message?" in page
        assert "1.00 credits go back" in page
        message.refresh_from_db()
        assert message.state == State.SCHEDULED

    def test_cancels_what_was_chosen_and_gives_its_credits_back(
        self, browser, account, shop, alice
    ):
        chosen, left = [scheduled(shop), scheduled(shop)], scheduled(shop)
        typed = {"message": [each.pk for each in chosen], "confirmed": "yes"}

        answer = browser.post(cancel_of(account), typed, follow=True)

        assert "2 messages cancelled, their credits given back." in said(answer)
        for each in chosen:
            each.refresh_from_db()
            assert each.state == State.CANCELLED
        left.refresh_from_db()
        assert left.state == State.SCHEDULED
        account.wallet.refresh_from_db()
        assert account.wallet.credits == Decimal(199)
        assert Activity.objects.filter(action="message cancelled", by=alice).count() == 2

    def test_ends_the_message_although_it_has_no_code(self, browser, account, shop):
        message = scheduled(shop)
        typed = {"message": [message.pk], "confirmed": "yes"}

        browser.post(cancel_of(account), typed)

        assert "Final Yes" in said(browser.get(page_of(message)))

    def test_twice_gives_back_once(self, browser, account, shop):
        typed = {"message": [scheduled(shop).pk], "confirmed": "yes"}
        browser.post(cancel_of(account), typed)

        answer = browser.post(cancel_of(account), typed, follow=True)

        assert "Too late for 1 message" in said(answer)
        account.wallet.refresh_from_db()
        assert account.wallet.credits == Decimal(200)

    @pytest.mark.parametrize("chosen", [[], ["x"], ["9" * 40], ["-1"]])
    def test_of_nothing_says_so(self, browser, account, shop, chosen):
        answer = browser.post(cancel_of(account), {"message": chosen}, follow=True)

        assert "None of these messages is scheduled any more." in said(answer)

    def test_of_another_account_changes_nothing(self, browser, account):
        other = scheduled(make_api_user(account=make_account()))

        browser.post(cancel_of(account), {"message": [other.pk], "confirmed": "yes"})

        other.refresh_from_db()
        assert other.state == State.SCHEDULED

    def test_is_offered_where_something_is_scheduled(self, browser, account, shop):
        make_message(user=shop)
        assert "Cancel what is chosen" not in said(browser.get(tab(account)))

        message = scheduled(shop)
        assert "Cancel what is chosen" in said(browser.get(tab(account)))
        assert "Cancel this message" in said(browser.get(page_of(message)))

    def test_is_not_for_viewers(self, account, shop):
        message = scheduled(shop)
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        assert "Cancel what is chosen" not in said(viewer.get(tab(account)))
        assert "Cancel this message" not in said(viewer.get(page_of(message)))
        typed = {"message": [message.pk], "confirmed": "yes"}
        assert viewer.post(cancel_of(account), typed).status_code == 404


def test_one_order_to_several_says_how_many_more(browser, account, shop):
    order = make_order(shop, receivers=[NUMBER, OTHER], text="Hello")
    message = submission.submit(order).submission.messages.first()

    assert "and 1 more in the same order" in said(browser.get(page_of(message)))
