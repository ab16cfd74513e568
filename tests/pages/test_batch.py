"""What is shown of an order from the browser: its price before it goes out, and how far it is."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import batch_sending, batches
from sms_accounts.models import (
    Account,
    Activity,
    Batch,
    Membership,
    Message,
    Sender,
)
from tests.batches_made import make_batch, numbers
from tests.factories import make_member
from tests.pages.conftest import signed_in
from tests.pages.test_send import (
    NUMBER,
    file,
    page,
    said,
    typed,
    value_of,
)


class TestConfirmation:
    def test_tells_all_before_anything_is_sent(self, browser, account):
        answer = typed(
            browser,
            account,
            receivers=f"{NUMBER} , 32470123456; +{NUMBER}; nobody",
            stop_clause="on",
            flash="on",
            tag="news",
        )

        told = said(answer)
        for word in (
            "Send this to 2 receivers?",
            "France 1 1 1.00",
            "Belgium 1 1 1.00",
            "Duplicates, sent to once: 1",
            f"+{NUMBER}",
            "No numbers: 1",
            "nobody",
            "STOP 36184",
            "news",
            "Send for 2.00 credits",
        ):
            assert word in told
        assert not Message.objects.exists()

    def test_leads_back_with_everything_that_was_typed(self, browser, account):
        at = f"{timezone.now() + timedelta(days=3):%Y-%m-%dT%H:%M}"
        changes = {"receivers": f"{NUMBER}, x", "text": "Kept", "when": "later", "at": at}
        answer = typed(browser, account, stop_clause="on", flash="on", **changes)
        batch = Batch.objects.get()
        assert f"?change={batch.pk}" in answer.content.decode()

        html = browser.get(page("send", account, change=batch.pk)).content.decode()

        for value in (f"{NUMBER}, x", "Kept", f'value="{at}"'):
            assert value in html
        for name in ("stop_clause", "flash"):
            assert re.search(rf'name="{name}"[^>]*checked', html)
        assert "panel-" not in html

    def test_leads_back_with_the_file(self, browser, account):
        typed(browser, account, receivers="", text="Hello {name}", file=file())

        answer = browser.get(page("send", account, change=Batch.objects.get().pk))

        assert "From the file guests.csv" in said(answer)

    def test_sends_once_however_often_it_is_pressed(self, browser, account, alice):
        typed(browser, account)
        url = page("batch", account, Batch.objects.get().pk)

        for _ in range(2):
            assert "Being sent" in said(browser.post(url, follow=True))
        batch_sending.send_due()
        answer = browser.post(url, follow=True)

        assert "Sent Accepted and paid 1 / 1 Credits spent 1.00" in said(answer).replace("  ", " ")
        assert Message.objects.count() == 1
        assert Activity.objects.filter(action="messages sent", by=alice).count() == 1

    def test_offers_what_can_be_paid(self, browser, account):
        Account.objects.get().wallet.refresh_from_db()
        answer = typed(browser, account, receivers="\n".join(numbers(201)))

        told = said(answer)
        assert "They pay for the first 200, which cost 200.00." in told
        assert "Send for" not in told
        batch = Batch.objects.get()
        browser.post(page("batch", account, batch.pk), {"most": value_of(answer, "most")})
        batch_sending.send_due()

        told = said(browser.get(page("batch", account, batch.pk)))
        assert "As many were sent as the credits paid for." in told
        assert "Go on with 1 receiver" in told

    def test_says_so_where_it_cannot_go_out_any_more(self, browser, account):
        typed(browser, account)
        Sender.objects.update(status="refused")

        answer = browser.post(page("batch", account, Batch.objects.get().pk), follow=True)

        assert "This sender cannot be used any more." in said(answer)
        assert "Send this to 1 receiver?" in said(answer)

    @pytest.mark.parametrize("most", ["0", "-1", "x"])
    def test_of_a_number_that_was_never_told_sends_nothing(self, browser, account, most):
        typed(browser, account)

        browser.post(page("batch", account, Batch.objects.get().pk), {"most": most})

        assert Batch.objects.get().state == "draft"


class TestProgress:
    @pytest.fixture
    def batch(self, account, alice, monkeypatch):
        monkeypatch.setattr(batch_sending, "PORTION", 2)
        batch = make_batch(account, by=alice, receivers=5)
        batches.confirm(batch, by=alice)
        batch_sending._send_one_portion()
        return batch

    def test_is_asked_for_by_htmx_until_it_is_over(self, browser, account, batch):
        url = page("batch", account, batch.pk)
        asked = {"HX-Request": "true", "HX-Target": "progress"}

        under_way = browser.get(url, headers=asked)
        batch_sending.send_due()
        over = browser.get(url, headers=asked)

        assert "2 / 5" in said(under_way)
        assert "<h1" not in under_way.content.decode()
        assert 'hx-trigger="every 2s"' in under_way.content.decode()
        assert "5 / 5" in said(over)
        assert "hx-trigger" not in over.content.decode()
        # With the credits that are left now, in the header.
        assert (under_way.get("HX-Refresh"), over["HX-Refresh"]) == (None, "true")

    def test_is_a_page_with_its_messages_a_click_away(self, browser, account, batch):
        answer = browser.get(page("batch", account, batch.pk))

        told = said(answer)
        assert "To 5 receivers" in told
        assert "Look again" in told
        link = re.search(r'href="([^"]*/messages/[^"]*)"', answer.content.decode())
        links = re.findall(r'href="([^"]*/messages/\?[^"]*)"', answer.content.decode())
        assert link is not None
        found = browser.get(links[0].replace("&amp;", "&")).context["found"]
        assert {each.msisdn for each in found} == set(numbers(2))

    def test_can_be_stopped_and_gone_on_with(self, browser, account, batch):
        stopped = browser.post(page("batch-stop", account, batch.pk), follow=True)
        assert "Stopped: nobody else is sent to." in said(stopped)
        assert "Not sent to 3" in said(stopped)
        assert "Go on with 3 receivers" in said(stopped)
        again = browser.post(page("batch-stop", account, batch.pk), follow=True)
        assert "it was over already" in said(again)

        gone_on = browser.post(page("batch-go-on", account, batch.pk), follow=True)

        assert "Being sent" in said(gone_on)
        batch_sending.send_due()
        assert "5 / 5" in said(browser.get(page("batch", account, batch.pk)))

    def test_takes_as_many_queries_for_many_as_for_few(self, browser, account, batch, alice):
        def queries(url) -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(url)
            return len(captured)

        large = make_batch(account, by=alice, receivers=300)
        urls = [page("batch", account, each.pk) for each in (batch, large)]
        queries(urls[0])

        assert max(queries(url) for url in [*urls, page("send", account)]) <= 12

    def test_of_others_does_not_exist(self, account, batch, bobs_browser, alice):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))
        draft = make_batch(account, by=alice)

        for name in ("batch-stop", "batch-go-on", "batch"):
            for person in (viewer, bobs_browser):
                assert person.post(page(name, account, batch.pk)).status_code == 404
        assert bobs_browser.get(page("batch", account, batch.pk)).status_code == 404
        assert viewer.get(page("batch", account, draft.pk)).status_code == 404
        bobs = Account.objects.get(name="sms-bb12345-1")
        assert bobs_browser.get(page("batch", bobs, batch.pk)).status_code == 404
        assert bobs_browser.get(page("send", bobs, change=draft.pk)).status_code == 404
        batch.refresh_from_db()
        assert (batch.state, batch.spent) == ("sending", Decimal(2))
