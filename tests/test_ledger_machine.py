"""The ledger does what a model in plain Python does, whatever is done to both in any order.

With `--hypothesis-profile=thorough` 50,000 runs, and longer ones; with `--dist load` on all cores.
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F
from hypothesis import Phase, settings

from sms_accounts import debits, ledger, purses
from sms_accounts.models import Wallet
from tests.ledger_cast import Cast
from tests.ledger_machine import run
from tests.sizes import in_full

pytestmark = pytest.mark.django_db

SHARES = 1
if settings.get_current_profile_name() == "thorough":
    RUNS, STEPS, SHARES = 50_000, 20, 4
else:
    # On PostgreSQL each statement is a journey to the server, and what it alone decides is who
    # comes first of several: the races test that.
    most = 2_000 if connection.vendor == "sqlite" else 500
    RUNS, STEPS = in_full(most, otherwise=most // 20), 8


class TestLedger:
    @pytest.mark.parametrize("share", range(SHARES))
    def test_does_what_the_model_does(self, share):
        run(Cast(), runs=RUNS // SHARES, steps=STEPS)


def never_alerts(patch):
    patch.setattr(ledger, "_alert_crossings", lambda *_given, **_named: None)


def alerts_below_the_threshold_only(patch):
    right = ledger._alert_crossings

    def late(*movements, **named):
        moved = [replace(each, after=each.after + Decimal("0.01")) for each in movements]
        right(*moved, **named)

    patch.setattr(ledger, "_alert_crossings", late)


def charges_the_purse_that_was_read_before(patch):
    patch.setattr(debits, "_wallet_that_pays", lambda payer, _payers: payer.wallet_id)


def refunds_to_the_account_always(patch):
    refund_to = ledger._refund_to

    def to_the_account(_wallet_id, reasons):
        for message, reason in reasons.items():
            refund_to(message.account.wallet_id, {message: reason})

    patch.setattr(ledger, "_refund_to", to_the_account)


def transfers_to_anybody(patch):
    patch.setattr(ledger, "_have_one_holder", lambda *_accounts: True)


def forgets_to_enter_what_is_received(patch):
    right = ledger._enter

    def enter(moved, *, kind, **named):
        if kind != ledger.Kind.TRANSFER or moved.after < moved.before:
            right(moved, kind=kind, **named)

    patch.setattr(ledger, "_enter", enter)


def gives_a_quota_without_taking_it_from_the_account(patch):
    right = ledger.set_quota

    def set_quota(api_user, quota, **named):
        right(api_user, quota, **named)
        Wallet.objects.filter(pk=api_user.account.wallet_id).update(credits=F("credits") + 1)

    patch.setattr(ledger, "set_quota", set_quota)


def lets_everybody_spend_the_reserve(patch):
    patch.setattr(purses, "_least", lambda *_given, **_named: "0")


@pytest.mark.on_embedded
class TestMachine:
    @pytest.mark.parametrize(
        "break_it",
        [
            never_alerts,
            alerts_below_the_threshold_only,
            charges_the_purse_that_was_read_before,
            refunds_to_the_account_always,
            transfers_to_anybody,
            forgets_to_enter_what_is_received,
            gives_a_quota_without_taking_it_from_the_account,
            lets_everybody_spend_the_reserve,
        ],
    )
    def test_notices_a_ledger_that(self, break_it, monkeypatch):
        cast = Cast()
        break_it(monkeypatch)

        with pytest.raises(AssertionError):
            run(
                cast,
                runs=500,
                steps=STEPS,
                phases=[Phase.generate],
                derandomize=True,
                database=None,
            )
