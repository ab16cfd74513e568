"""The sender of calls of http2sms that name none."""

import pytest

from sms_accounts import accounts, orders, senders, submission
from sms_accounts.models import Sender, Submission
from tests.factories import make_account, make_api_user, make_order
from tests.http2sms_calls import ask
from tests.sign_ins import remembered

pytestmark = pytest.mark.django_db

MISSING = (201, "Missing from. These are required: account, login, password, from, to, message.")


@pytest.fixture
def user():
    account = make_account()
    second = senders.enable_sender(account, "Second", by=None)
    accounts.change(account, {"default_sender": second}, by=None)
    return make_api_user(account=account)


class TestDefaultSender:
    @pytest.mark.parametrize("given", [None, ""])
    def test_stands_in_where_none_is_named(self, client, user, given):
        assert ask(client, user, from_=given)[0] == 100
        assert Submission.objects.get().sender == "Second"

    def test_stands_back_behind_one_that_is_named(self, client, user):
        assert ask(client, user)[0] == 100
        assert ask(client, user, from_="Nobody") == (241, "Sms sender Nobody does not exists")

        assert Submission.objects.get().sender == "Example"

    @pytest.mark.parametrize("status", [Sender.Status.WAITING, Sender.Status.REFUSED])
    def test_is_none_while_it_is_not_enabled(self, client, user, status):
        Sender.objects.filter(name="Second").update(status=status)

        assert ask(client, user, from_="") == MISSING

    def test_is_none_once_it_is_removed(self, client, user):
        Sender.objects.get(name="Second").delete()

        assert ask(client, user, from_="") == MISSING

    def test_is_not_told_to_whoever_has_no_password(self, client, user):
        assert ask(client, user, from_="", password="Wrong12345") == (202, "Invalid credentials")

    def test_is_judged_by_memory_as_by_the_database(self, user):
        order = make_order(user, sender="")

        submission.submit(order._replace(judged_by=remembered(user)))
        submission.submit(order)

        assert list(Submission.objects.values_list("sender", flat=True)) == ["Second", "Second"]

    def test_that_is_missing_is_missed_by_memory_too(self):
        user = make_api_user()
        order = make_order(user, sender="")

        for judged_by in (None, remembered(user)):
            with pytest.raises(orders.NoSender):
                submission.submit(order._replace(judged_by=judged_by))


def test_that_is_for_other_users_is_none_for_this_one(client, user):
    other = make_api_user(account=user.account)
    senders.set_users(Sender.objects.get(name="Second"), [other], by=None)

    assert ask(client, user, **{"from": ""})[0] == 201
    assert ask(client, other, **{"from": ""})[0] == 100
