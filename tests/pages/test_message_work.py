"""The pages of work on many messages: CSV files in the background, and cancelling all found."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import mass_cancellations, message_exports
from sms_accounts.models import MassCancellation, Membership, Message, MessageExport, State
from tests.factories import make_account, make_api_user, make_member, make_message
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in

REGION = {"HX-Request": "true", "HX-Target": "progress"}


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORTS_DIR = tmp_path
    return tmp_path


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


def page(name: str, account, *more, **query) -> str:
    return reverse(name, args=[account.name, *more], query=query)


def said(answer) -> str:
    return text_of(answer.content.decode())


class TestFiles:
    @pytest.fixture
    def many(self, monkeypatch, account, shop):
        monkeypatch.setattr(message_exports, "MOST_STREAMED", 2)
        for _ in range(3):
            make_message(user=shop, tag="parcels")

    def test_are_offered_where_very_much_was_found(self, browser, account, many):
        answer = browser.get(page("messages-csv", account, tag="parcels"))

        assert answer.url == page("message-exports", account, tag="parcels", many="yes")
        assert "It is more than 2 messages" in said(browser.get(answer.url))
        at_once = browser.get(page("messages-csv", account, tag="parcels", now="yes"))
        assert len(b"".join(at_once.streaming_content).splitlines()) == 4

    def test_a_few_come_at_once(self, browser, account, many, shop):
        make_message(user=shop, tag="other")

        answer = browser.get(page("messages-csv", account, tag="other"))

        assert len(b"".join(answer.streaming_content).splitlines()) == 2

    def test_are_written_while_the_page_tells_how_far_it_is(self, browser, account, many, alice):
        url = page("message-exports", account, tag="parcels")

        answer = browser.post(url, follow=True)

        assert "At work" in said(answer)
        html = answer.content.decode()
        assert re.search(r'id="progress"[^>]*hx-trigger="every 2s"', html)
        # Without script a link does.
        assert "Look again" in html
        message_exports.write_due()
        region = browser.get(page("message-exports", account), headers=REGION)
        html = region.content.decode()
        assert "Done" in html
        assert "hx-trigger" not in html
        assert "<h1" not in html
        export = MessageExport.objects.get()
        file = browser.get(page("message-export-file", account, export.pk))
        assert file["Content-Disposition"] == ('attachment; filename="sms-ab12345-1-messages.csv"')
        assert file["Content-Type"] == "text/csv; charset=utf-8"
        assert file["Cache-Control"] == answer["Cache-Control"]
        assert len(b"".join(file.streaming_content).splitlines()) == 4

    def test_teach_where_there_are_none(self, browser, account):
        assert "No file was written yet." in said(browser.get(page("message-exports", account)))

    def test_are_given_to_members_alone(self, account, alice, bobs_browser, client):
        export = message_exports.ask(account, "", by=alice)
        message_exports.write_due()
        url = page("message-export-file", account, export.pk)
        member = make_member(account, Membership.Role.VIEWER)
        viewer = signed_in(member)

        file: Any = viewer.get(url)
        assert file.status_code == 200
        # Read to its end, it is closed.
        assert len(list(file.streaming_content)) == 1
        assert bobs_browser.get(url).status_code == 404
        assert client.get(url).url.startswith("/auth/login/")
        other = reverse("message-export-file", args=["sms-bb12345-1", export.pk])
        assert bobs_browser.get(other).status_code == 404
        Membership.objects.filter(user=member).delete()
        assert viewer.get(url).status_code == 404

    def test_that_are_not_there_do_not_exist(self, browser, account, alice, folder):
        export = message_exports.ask(account, "", by=alice)
        url = page("message-export-file", account, export.pk)
        assert browser.get(url).status_code == 404
        message_exports.write_due()
        (folder / export.file_name).unlink()

        assert browser.get(url).status_code == 404
        assert "removed" in said(browser.get(page("message-exports", account)))

    def test_are_stopped_by_who_asked_or_manages(self, browser, account, alice, bobs_browser):
        one = signed_in(viewer := make_member(account, Membership.Role.VIEWER))
        other = signed_in(make_member(account, Membership.Role.VIEWER))
        export = message_exports.ask(account, "", by=viewer)
        url = page("message-export-stop", account, export.pk)

        assert other.post(url).status_code == bobs_browser.post(url).status_code == 404
        assert "Stop" not in said(other.get(page("message-exports", account)))
        assert one.get(url).status_code == 405
        assert "the file is not written" in said(one.post(url, follow=True))
        assert "it was over already" in said(browser.post(url, follow=True))

    def test_are_not_begun_without_end(self, browser, account, alice):
        for _ in range(message_exports.MOST_AT_WORK):
            message_exports.ask(account, "", by=alice)

        answer = browser.post(page("message-exports", account), follow=True)

        assert "5 files are being written already." in said(answer)

    def test_of_a_search_that_cannot_be_read_do_not_exist(self, browser, account):
        assert browser.post(page("message-exports", account, state="x")).status_code == 404

    def test_more_of_them_are_no_more_queries(self, browser, account, alice):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(page("message-exports", account))
            return len(captured)

        message_exports.ask(account, "", by=alice)
        queries()
        few = queries()
        for _ in range(4):
            message_exports.ask(account, "", by=make_member(account, Membership.Role.VIEWER))

        assert queries() == few <= 12


class TestCancelFound:
    @pytest.fixture
    def scheduled(self, account, shop):
        for tag in ("parcels", "parcels", "other"):
            make_message(user=shop, tag=tag)
        later = timezone.now() + timedelta(hours=1)
        Message.objects.update(state=State.SCHEDULED, due_at=later)

    def confirm(self, browser, url: str):
        found = re.search(r'name="upto" value="(\d+)"', browser.get(url).content.decode())
        assert found is not None
        return browser.post(url, {"upto": found.group(1)}, follow=True)

    def test_asks_with_the_number_and_the_credits(self, browser, account, scheduled):
        url = page("messages-cancel-found", account, tag="parcels")
        listed = browser.get(page("messages", account, tag="parcels")).content.decode()
        assert url in listed

        asked = said(browser.get(url))

        assert "Cancel all 2 scheduled messages that are found?" in asked
        assert "2.00 credits go back" in asked
        assert not MassCancellation.objects.exists()

    def test_cancels_once_that_is_confirmed(self, browser, account, scheduled):
        answer = self.confirm(browser, page("messages-cancel-found", account, tag="parcels"))

        assert "Done" in said(answer)
        assert "Cancelled 2 / 2 Credits given back 2.00" in said(answer)
        assert Message.objects.filter(state=State.SCHEDULED).count() == 1

    def test_of_everything_says_so(self, browser, account, scheduled):
        url = page("messages-cancel-found", account)

        assert "these are all that the account has" in said(browser.get(url))

    def test_tells_how_far_it_is_and_can_be_stopped(self, browser, account, scheduled, monkeypatch):
        monkeypatch.setattr(mass_cancellations, "MOST_AT_ONCE", 0)
        answer = self.confirm(browser, page("messages-cancel-found", account))
        assert "Cancelled 0 / 3" in said(answer)
        [work] = MassCancellation.objects.all()
        url = page("mass-cancellation", account, work.pk)
        assert 'hx-trigger="every 2s"' in browser.get(url, headers=REGION).content.decode()

        stopped = browser.post(page("mass-cancellation-stop", account, work.pk), follow=True)

        assert "what is still scheduled stays so" in said(stopped)
        assert 'hx-trigger="every 2s"' not in browser.get(url, headers=REGION).content.decode()
        assert Message.objects.filter(state=State.SCHEDULED).count() == 3

    def test_says_where_nothing_is_scheduled(self, browser, account, shop):
        make_message(user=shop)

        answer = browser.get(page("messages-cancel-found", account), follow=True)

        assert "None of the messages found is scheduled." in said(answer)

    def test_is_for_those_alone_who_may_change_it(self, account, scheduled, bobs_browser):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))
        url = page("messages-cancel-found", account)

        for person in (viewer, bobs_browser):
            assert person.get(url).status_code == 404
            assert person.post(url, {"upto": 10**9}).status_code == 404
        assert "Cancel all found" not in said(viewer.get(page("messages", account)))
        assert Message.objects.filter(state=State.CANCELLED).count() == 0

    def test_of_another_account_does_not_exist(self, browser, account, alice):
        other = make_account()
        work = mass_cancellations.cancel_found(other, "", upto=0, by=alice)

        assert browser.get(page("mass-cancellation", account, work.pk)).status_code == 404
        assert browser.get(page("mass-cancellation", other, work.pk)).status_code == 404

    def test_of_a_search_that_cannot_be_read_is_refused(self, browser, account, scheduled):
        url = page("messages-cancel-found", account, state="x")

        assert browser.post(url, {"upto": 10**9}).status_code == 404
        assert Message.objects.filter(state=State.SCHEDULED).count() == 3
