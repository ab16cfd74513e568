"""Numbers that opted out: who is left out of an order, at which cost, and how the list is kept."""

from typing import Any

import pytest
from django.db import connection

from sms_accounts import activity, opt_outs, orders, submission
from sms_accounts.models import Account, Activity, Message, OptOut, Submission, User
from tests.factories import (
    API_PASSWORD,
    make_account,
    make_api_user,
    make_order,
    make_user,
)
from tests.plans import plan_of, plan_of_statement
from tests.races import overlapping
from tests.sign_ins import remembered

pytestmark = pytest.mark.django_db

OUT, IN, ALSO_IN = "33639980004", "33639980005", "33639980006"


def opt_out(account: Account, *numbers: str, by: User | None = None) -> int:
    notes = dict.fromkeys(numbers or (OUT,), "asked on the phone")
    return opt_outs.add(account, notes, source=OptOut.Source.HAND, by=by)


def order_to(user: Any, *receivers: str, **changes: Any) -> orders.Order:
    fresh = type(user).objects.select_related("account").get(pk=user.pk)
    return make_order(fresh, receivers=list(receivers))._replace(**changes)


def receivers() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("msisdn", flat=True))


class TestSubmission:
    def test_leaves_out_who_opted_out_and_charges_for_the_others(self):
        user = make_api_user(quota=10)
        opt_out(user.account)

        receipt = submission.submit(order_to(user, IN, "+33 6 39 98 00 04", ALSO_IN))

        assert receivers() == [IN, ALSO_IN]
        assert receipt.invalid == ("+33 6 39 98 00 04",)
        assert receipt.credits_left == 8
        assert Submission.objects.get().credits == 2

    def test_refuses_an_order_to_nobody_else(self):
        user = make_api_user(quota=10)
        opt_out(user.account)

        with pytest.raises(orders.OptedOut) as refused:
            submission.submit(order_to(user, "00" + OUT, "12"))

        assert refused.value.invalid == ("12", "00" + OUT)
        assert receivers() == []
        user.wallet.refresh_from_db()
        assert user.wallet.credits == 10

    def test_what_is_refused_keeps_nobody_back_who_came_at_the_same_time(self):
        user, other = make_api_user(quota=10), make_api_user(quota=10)
        opt_out(user.account)
        asked = [order_to(user, OUT), order_to(other, OUT), order_to(user, IN)]

        outcomes = submission.store_each([orders.priced(order) for order in asked])

        assert [type(outcome) for outcome in outcomes] == [
            orders.OptedOut,
            submission.Receipt,
            submission.Receipt,
        ]
        assert receivers() == [OUT, IN]

    def test_an_alert_goes_out_in_any_case(self):
        user = make_api_user()
        opt_out(user.account)
        alert = order_to(user, OUT, channel=Submission.Channel.ALERT, api_user=None)

        submission.submit(alert)

        assert receivers() == [OUT]

    def test_a_caller_that_is_remembered_from_before_is_asked_for_anew(self):
        user = make_api_user()
        caller = remembered(user)
        opt_out(user.account)
        order = make_order(caller.user, receivers=[OUT])._replace(judged_by=caller)

        with pytest.raises(submission.Outdated):
            submission.submit(order)

        assert receivers() == []

    def test_a_repeated_call_gets_its_first_answer(self):
        user = make_api_user()
        order = order_to(user, OUT, IN, idempotency_key="1")
        first = submission.submit(order)
        opt_out(user.account)

        again = submission.submit(order_to(user, OUT, IN, idempotency_key="1"))

        assert again.message_ids == first.message_ids
        assert again.invalid == ()


class TestQueries:
    def store(self, users: list[Any]) -> None:
        submission.store_each([orders.priced(order_to(user, IN, ALSO_IN)) for user in users])

    def test_nothing_is_asked_where_nobody_opted_out(self, monkeypatch):
        monkeypatch.setattr(opt_outs, "among", None)

        self.store([make_api_user(), make_api_user()])

        assert len(receivers()) == 4

    def test_one_question_is_for_all_orders_of_all_accounts(self, monkeypatch):
        users = [make_api_user() for _ in range(3)]
        for user in users[:2]:
            opt_out(user.account)
        asked: list[Any] = []
        among = opt_outs.among

        def noted(numbers):
            asked.append(numbers)
            return among(numbers)

        monkeypatch.setattr(opt_outs, "among", noted)

        self.store([*users, *users])

        wanted = {IN, ALSO_IN}
        assert asked == [{user.account_id: wanted for user in users[:2]}]

    def test_each_number_is_one_look_into_the_index(self):
        opt_out(make_account(), *(f"336000{number:05}" for number in range(opt_outs.MANY)))

        plan = plan_of_statement(*opt_outs._statement([(1, OUT), (2, IN)]))

        assert "opt_out_once_per_account_and_number" in plan or (
            "USING COVERING INDEX sqlite_autoindex_sms_accounts_optout_1 (account_id=? AND" in plan
        )
        assert "SCAN o" not in plan
        assert "Seq Scan" not in plan

    def test_the_list_is_read_by_its_index(self):
        listed = OptOut.objects.filter(account=1, pk__lt=1000).order_by("-pk")[:51]

        assert "opt_outs_of_account" in plan_of(listed)

    def test_many_numbers_are_asked_for_at_once(self):
        account = make_account()
        opt_out(account, *(f"336000{number:05}" for number in range(3000)))

        found = opt_outs.among({account.pk: {f"336000{number:05}" for number in range(1, 9000, 3)}})

        assert len(found) == 1000


class TestList:
    def test_keeps_who_when_and_how(self):
        alice = make_user()
        account = make_account(owner=alice)

        assert opt_out(account, OUT, IN, by=alice) == 2
        assert opt_out(account, OUT, ALSO_IN) == 1

        kept = OptOut.objects.get(msisdn=OUT)
        assert (kept.by, kept.source, kept.note) == (alice, "hand", "asked on the phone")
        told = list(
            Activity.objects.filter(action="opt-outs added").values_list("after", flat=True)
        )
        assert told == [{"numbers": [f"+{OUT}", f"+{IN}"]}, {"numbers": [f"+{ALSO_IN}"]}]

    def test_of_many_the_change_log_says_how_many(self):
        opt_out(make_account(), *(f"336000{number:05}" for number in range(11)))

        assert Activity.objects.latest("pk").after == {"numbers": 11}

    def test_who_was_taken_off_may_be_sent_to_again(self):
        user = make_api_user()
        account = user.account
        opt_out(account, OUT, IN)

        assert opt_outs.remove(account, [OUT, ALSO_IN], by=None) == 1
        assert opt_outs.remove(account, [OUT], by=None) == 0

        submission.submit(order_to(user, OUT, IN))
        assert receivers() == [OUT]
        assert Activity.objects.latest("pk").before == {"numbers": [f"+{OUT}"]}

    def test_an_empty_list_is_not_asked_any_more(self, monkeypatch):
        user = make_api_user()
        opt_out(user.account)
        opt_outs.remove(user.account, [OUT], by=None)
        monkeypatch.setattr(opt_outs, "among", None)

        submission.submit(order_to(user, OUT))

        assert receivers() == [OUT]

    def test_is_that_of_one_account(self):
        one, other = make_account(), make_account()
        opt_out(one)

        assert opt_outs.remove(other, [OUT], by=None) == 0
        assert OptOut.objects.count() == 1


class TestHttp2sms:
    def call(self, client, user, to: str, content_type: str = "application/json"):
        return client.get(
            "/http2sms",
            {
                "account": user.account.name,
                "login": user.login,
                "password": API_PASSWORD,
                "from": "Example",
                "to": to,
                "message": "Hello",
                "contentType": content_type,
            },
        )

    def test_lists_who_was_left_out(self, client):
        user = make_api_user()
        opt_out(user.account)

        answer = self.call(client, user, f"{IN},+{OUT}").json()

        assert answer["status"] == 100
        assert len(answer["smsIds"]) == 1
        assert answer["invalidReceivers"] == [f"+{OUT}"]

    def test_refuses_a_call_to_nobody_else_and_says_why(self, client):
        user = make_api_user()
        opt_out(user.account)

        answer = self.call(client, user, OUT)
        plain = self.call(client, user, OUT, "text/plain")

        cause = f"Invalid receiver {OUT}: it opted out of this account's messages"
        assert answer.json() == {"status": 202, "message": cause}
        assert plain.content.decode() == f"KO\n{cause}\n"
        assert receivers() == []


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite lets one transaction write at a time"
)
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_two_who_add_the_same_number_list_it_once(self):
        account = make_account()
        added: list[int] = []

        overlapping(
            lambda: added.append(opt_out(account)),
            lambda: added.append(opt_out(account)),
            while_in=(activity, "record"),
        )

        assert sorted(added) == [0, 1]
        assert OptOut.objects.count() == 1

    @pytest.mark.parametrize("removed_first", [True, False])
    def test_a_list_is_asked_where_one_comes_while_the_last_one_goes(self, removed_first):
        account = make_account()
        opt_out(account, OUT)
        doings = [
            lambda: opt_outs.remove(account, [OUT], by=None),
            lambda: opt_out(account, IN),
        ]

        first, second = doings if removed_first else reversed(doings)
        overlapping(first, second, while_in=(activity, "record"))

        account.refresh_from_db()
        assert account.opt_outs_at is not None
