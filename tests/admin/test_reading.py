"""The staff's administration: signing in, and what can only be read there."""

import re
from html import unescape

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import submission
from sms_accounts.admin import base
from sms_accounts.models import (
    Account,
    Activity,
    Alert,
    ApiUser,
    Attempt,
    Batch,
    Callback,
    CarrierDay,
    CarrierSwitch,
    CarrierWatch,
    DlrPost,
    DlrReport,
    HttpCarrier,
    LedgerEntry,
    Message,
    Notification,
    OptOut,
    Rate,
    Received,
    ReceivedPost,
    Route,
    Sender,
    SenderNotice,
    SmppCarrier,
    State,
    Submission,
    User,
)
from tests.admin.rows import add_details, make_history, text_of, url
from tests.factories import PASSWORD, make_api_user, make_order, make_user

pytestmark = pytest.mark.django_db

READ_ONLY = (
    ApiUser,
    Message,
    Submission,
    LedgerEntry,
    Activity,
    Alert,
    Notification,
    Callback,
    DlrPost,
    Batch,
    SenderNotice,
    CarrierSwitch,
    CarrierDay,
    Received,
    ReceivedPost,
)
WRITABLE = (
    Account,
    User,
    Sender,
    Rate,
    Route,
    OptOut,
    SmppCarrier,
    HttpCarrier,
    CarrierWatch,
)
PAGES: tuple[type[Model], ...] = (*READ_ONLY, *WRITABLE)


class TestSigningIn:
    @pytest.mark.parametrize("page", ["/admin/", "/admin/sms_accounts/message/"])
    def test_goes_through_the_panels_own_page(self, client, staff, page):
        response = client.get(page, follow=True)
        sign_in, _status = response.redirect_chain[-1]
        assert sign_in.startswith(reverse("account_login"))

        response = client.post(
            sign_in, {"login": staff.email, "password": PASSWORD, "next": page}, follow=True
        )

        assert response.redirect_chain[-1][0] == page
        assert response.status_code == 200

    def test_takes_no_password_itself(self, client, staff):
        client.post("/admin/login/", {"username": staff.email, "password": PASSWORD})

        assert client.get("/admin/").status_code == 302

    def test_is_refused_to_those_who_are_not_staff(self, client):
        client.force_login(make_user())

        assert client.get("/admin/", follow=True).status_code == 403

    def test_shows_a_calm_first_page(self, browser):
        page = text_of(browser.get("/admin/"))

        assert "<h1>SMS panel – staff</h1>" in page
        assert page.count("<h1") == 1
        assert reverse("account_logout") in page
        assert "Email addresses" not in page


# What a list says that has no rows yet.
WHEN_EMPTY = {
    model: sentence
    for model in PAGES
    if (sentence := getattr(admin.site.get_model_admin(model), "when_empty", ""))
}


class TestEmptyLists:
    @pytest.mark.parametrize("model", WHEN_EMPTY)
    def test_say_what_would_fill_them(self, browser, model):
        assert str(WHEN_EMPTY[model]) in unescape(text_of(browser.get(url(model))))
        found = browser.get(url(model), {"q": "9"})
        assert str(WHEN_EMPTY[model]) not in unescape(text_of(found))

    def test_are_told_from_lists_that_have_rows(self, browser):
        submission.submit(make_order(make_api_user()))

        assert str(WHEN_EMPTY[Message]) not in unescape(text_of(browser.get(url(Message))))


class TestReadOnlyPages:
    def test_are_all_that_is_registered_beside_what_staff_change(self):
        ours = {model for model in admin.site._registry if model._meta.app_label == "sms_accounts"}

        assert ours == set(PAGES)

    @pytest.mark.parametrize("model", READ_ONLY)
    def test_show_rows_and_never_add_change_or_delete_them(self, browser, model):
        make_history()
        row = model.objects.order_by("-pk")[0]
        before = model.objects.filter(pk=row.pk).values().get()

        assert browser.get(url(model)).status_code == 200
        page = text_of(browser.get(url(model, "change", row.pk)))
        assert page.count("<h1") == 1
        assert 'name="_save"' not in page
        assert browser.get(url(model, "add")).status_code == 403
        assert browser.post(url(model, "change", row.pk), {"state": "x"}).status_code == 403
        assert browser.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        deleting = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
        browser.post(url(model), deleting)
        assert model.objects.filter(pk=row.pk).values().get() == before

    def test_lists_take_as_many_queries_for_many_rows_as_for_few(self, browser):
        def queries() -> dict[str, int]:
            return {model.__name__: self.queries(browser, url(model)) for model in PAGES}

        for _ in range(3):
            make_history()
        queries()
        few = queries()
        for _ in range(27):
            make_history()

        assert queries() == few

    def queries(self, browser: Client, page: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            response = browser.get(page)
        assert response.status_code == 200
        return len(captured)

    @pytest.mark.parametrize("model", [Message, Callback, DlrPost])
    def test_pages_take_as_many_queries_for_many_rows_beneath_as_for_few(self, browser, model):
        message = make_history()
        post = DlrPost.objects.get()
        for _ in range(2):
            add_details(message, post)
        page = url(model, "change", model.objects.get().pk)
        self.queries(browser, page)
        few = self.queries(browser, page)
        for _ in range(27):
            add_details(message, post)

        assert self.queries(browser, page) == few

    def test_never_count_all_rows(self, browser, monkeypatch):
        monkeypatch.setattr(base, "MOST_COUNTED", 2)
        for _ in range(4):
            make_history()

        with CaptureQueriesContext(connection) as captured:
            page = text_of(browser.get(url(Message)))

        assert "More than 2 messages. Search or filter to find the others." in page
        counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
        assert counts
        assert all("LIMIT 2" in sql for sql in counts)


class TestMessages:
    def test_show_what_happened_to_each(self, browser):
        message = make_history()
        reference = Attempt.objects.get().reference

        page = text_of(browser.get(url(Message, "change", message.pk)))

        assert "Hello" in page
        assert reference in page
        assert "Taken" in page
        assert "Delivered</a> 4 000 · part 1" in page

    @pytest.mark.parametrize("prefix", ["", "+"])
    def test_are_found_by_number(self, browser, prefix):
        user = make_api_user()
        submission.submit(make_order(user, receivers=["33639980004", "33639980005"]))

        found = browser.get(url(Message), {"q": f"{prefix}33639980005"})

        assert found.context["cl"].result_count == 1
        assert found.context["cl"].result_list[0].msisdn == "33639980005"

    def test_are_found_by_id_and_by_account(self, browser):
        message = make_history()
        make_history()

        for wanted in (str(message.pk), message.account.name):
            found = browser.get(url(Message), {"q": wanted})
            assert [row.pk for row in found.context["cl"].result_list] == [message.pk]

    def test_are_not_found_by_what_is_no_key(self, browser):
        make_history()

        for term in ("9" * 19, "9" * 30, "'", "²"):
            assert browser.get(url(Message), {"q": term}).context["cl"].result_count == 0

    def test_are_filtered_by_state(self, browser):
        make_history()

        for state, count in (("enroute", 1), ("delivered", 0)):
            found = browser.get(url(Message), {"state__exact": state})
            assert found.context["cl"].result_count == count

    def test_are_listed_by_submission(self, browser):
        message = make_history()
        make_history()
        page = text_of(browser.get(url(Submission, "change", message.submission_id)))
        (link,) = re.findall(r'href="([^"]*submission__exact[^"]*)"', page)

        found = browser.get(link)

        assert [row.pk for row in found.context["cl"].result_list] == [message.pk]


class TestFilters:
    @pytest.mark.parametrize(
        ("changes", "outcome"),
        [({}, "waiting"), ({"done_at": True}, "done"), ({"given_up_at": True}, "given_up")],
    )
    def test_tell_callbacks_by_outcome(self, browser, changes, outcome):
        make_history()
        make_history()
        first = Callback.objects.order_by("pk")[0]
        others = Callback.objects.exclude(pk=first.pk)
        Callback.objects.filter(pk=first.pk).update(**dict.fromkeys(changes, timezone.now()))
        others.update(**{"given_up_at" if outcome == "done" else "done_at": timezone.now()})

        found = browser.get(url(Callback), {"outcome": outcome})

        assert [row.pk for row in found.context["cl"].result_list] == [first.pk]

    def test_tell_dlrs_by_what_could_be_made_of_them(self, browser):
        now = timezone.now()
        post = {"carrier": "simulator", "body": b"\xff", "received_at": now}
        unread = DlrPost.objects.create(**post)
        wrong = DlrPost.objects.create(**post, read_at=now, problem="no id")
        stray = DlrPost.objects.create(**post, read_at=now)
        DlrReport.objects.create(
            post=stray, carrier="simulator", state=State.DELIVERED, ptt=4, received_at=now
        )

        for reading, expected in (("unread", unread), ("unmatched", stray), ("problem", wrong)):
            found = browser.get(url(DlrPost), {"reading": reading})
            assert list(found.context["cl"].result_list) == [expected]
        assert "\\xff" in text_of(browser.get(url(DlrPost, "change", unread.pk)))


class TestLedgerEntries:
    def test_name_the_purse_the_reason_and_the_submission(self, browser):
        user = make_api_user(login="shop", quota=5)
        sent = submission.submit(make_order(user)).submission

        page = browser.get(url(LedgerEntry)).content.decode()

        debit, given, taken = re.findall(r"<td class=\"field-account.*?</tr>", page, re.S)[:3]
        assert '<td class="field-purse">quota of shop</td>' in debit
        assert re.search(rf'class="field-submission[^"]*">{sent.pk}</td>', debit)
        assert '<td class="field-purse">quota of shop</td>' in given
        assert '<td class="field-purse">account</td>' in taken
        assert given.count("Quota given") == taken.count("Quota given") == 1
