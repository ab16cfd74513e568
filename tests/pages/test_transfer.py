"""Transfers between accounts of one holder: asked for, confirmed, made once, recorded."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone

from sms_accounts import accounts
from sms_accounts.models import Account, Activity, LedgerEntry, Membership
from tests.factories import make_account, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in


@pytest.fixture
def second(alice) -> Account:
    """Another account of Alice's."""
    return make_account(owner=alice, name="sms-ab12345-2", credits=5)


def tab(account) -> str:
    return reverse("credits", args=[account.name])


def said(answer) -> str:
    return text_of(answer.content.decode())


def transfer_of(account) -> str:
    return reverse("credits-transfer", args=[account.name])


def confirmed(browser, account, typed: dict[str, str]) -> dict[str, str]:
    """Send what was typed; return what the question asks to be sent again."""
    asked = browser.post(transfer_of(account), typed)
    form = asked.context["form"]
    return {name: str(form[name].value()) for name in form.fields}


class TestTransfer:
    @pytest.fixture
    def typed(self, browser, account, second) -> dict[str, str]:
        form = browser.get(transfer_of(account)).context["form"]
        order = str(form["order"].value())
        return {"receiver": second.name, "credits": "30.50", "reason": "Spring", "order": order}

    def test_is_asked_for_confirmed_made_and_recorded(self, browser, account, second, typed):
        question = browser.post(transfer_of(account), typed)
        assert "Transfer 30.50 credits to sms-ab12345-2?" in said(question)
        assert "sms-ab12345-1 has 169.50 left then." in said(question)
        assert not LedgerEntry.objects.filter(kind="transfer").exists()

        answer = browser.post(transfer_of(account), confirmed(browser, account, typed), follow=True)

        page = said(answer)
        assert "30.50 credits transferred to sms-ab12345-2; 169.50 are left here." in page
        assert "Transfer alice@example.com To sms-ab12345-2: Spring Account −30.50 169.50" in page
        assert "From sms-ab12345-1: Spring Account +30.50 35.50" in said(browser.get(tab(second)))
        recorded = Activity.objects.filter(account=second).latest("pk")
        assert (recorded.action, recorded.after["credits"]) == ("credits received", "30.50")

    def test_needs_another_account(self, browser, account):
        page = said(browser.get(transfer_of(account), follow=True))

        assert "Its holder has no other account that you may transfer to." in page

    def test_is_made_once_however_often_it_is_confirmed(self, browser, account, typed):
        sent = confirmed(browser, account, typed)

        for _ in range(2):
            answer = browser.post(transfer_of(account), sent, follow=True)

        assert "This transfer was made already. No credits moved again." in said(answer)
        assert LedgerEntry.objects.filter(account=account, kind="transfer").count() == 1

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"credits": "0"}, "Enter credits above 0"),
            ({"credits": ""}, "Enter credits above 0"),
            ({"credits": "0.001"}, "Enter credits above 0"),
            ({"credits": "200.01"}, "At most 200.00 credits can be transferred."),
            ({"receiver": ""}, "Choose the account that gets the credits."),
            ({"receiver": "sms-bb12345-1"}, "Choose one of your other accounts."),
        ],
    )
    def test_says_what_is_accepted_and_keeps_what_was_typed(
        self, browser, bobs_browser, account, typed, changed, says
    ):
        answer = browser.post(transfer_of(account), {**typed, **changed})

        assert says in said(answer)
        assert b"Spring" in answer.content

    def test_leaves_the_reserve_and_what_is_gone_meanwhile(self, browser, account, typed):
        sent = confirmed(browser, account, typed)
        accounts.set_reserve(account, Decimal(180), by=None)

        answer = browser.post(transfer_of(account), sent)

        assert "At most 20.00 credits can be transferred." in said(answer)
        assert not LedgerEntry.objects.filter(kind="transfer").exists()

    def test_goes_only_to_accounts_of_the_same_holder(self, browser, account, alice, typed):
        managed = make_account(name="sms-ab12345-9")
        Membership.objects.create(account=managed, user=alice, role=Membership.Role.MANAGER)

        answer = browser.post(transfer_of(account), {**typed, "receiver": managed.name})

        assert "Choose one of your other accounts." in said(answer)

    def test_is_offered_where_there_is_another_account(self, browser, account):
        link = transfer_of(account).encode()
        assert link not in browser.get(tab(account)).content

        make_account(owner=account.memberships.get().user, name="sms-ab12345-2")

        assert link in browser.get(tab(account)).content

    def test_is_not_for_viewers(self, account, second):
        viewer = make_member(account, Membership.Role.VIEWER)

        browser = signed_in(viewer)

        assert transfer_of(account).encode() not in browser.get(tab(account)).content
        assert browser.get(transfer_of(account)).status_code == 404

    def test_asks_for_a_recent_sign_in(self, browser, account, second, time_machine):
        time_machine.move_to(timezone.now() + timedelta(minutes=31))

        answer = browser.get(transfer_of(account))

        assert urlsplit(answer.url).path == "/auth/reauthenticate/"
        assert parse_qs(urlsplit(answer.url).query)["next"] == [transfer_of(account)]
