"""What is remembered of a caller is told from what has changed since."""

from decimal import Decimal

import pytest
from django.db import connection

from sms_accounts import api_users, callers, debits, ledger, opt_outs
from sms_accounts.models import Account, ApiUser, OptOut, Sender
from tests.factories import make_account, make_api_user
from tests.sign_ins import remembered

pytestmark = pytest.mark.django_db


def revisions(user: ApiUser) -> tuple[int, int]:
    """Those that the database has now, as a submission asks for them."""
    return debits.lock_payers([user.pk])()[user.pk].revisions


def in_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def save(user: ApiUser) -> None:
    """Save every column, the revision included, as it was a while ago."""
    Account.objects.get(pk=user.account_id).save()
    ApiUser.objects.get(pk=user.pk).save()


def only_sender() -> Sender:
    return Sender.objects.get()


CHANGES = {
    "user disabled": lambda user: api_users.set_enabled(user, False, by=None),
    "restricted": lambda user: api_users.set_restrictions(user, ["192.0.2.1"], by=None),
    "quota given": lambda user: ledger.set_quota(user, Decimal(5), by=None),
    "deleted": lambda user: api_users.delete(user, by=None),
    "whole row saved": save,
    "changed in SQL": lambda user: in_sql("UPDATE sms_accounts_apiuser SET login = 'x'"),
    "first number opted out": lambda user: opt_outs.add(
        user.account, {"33639980004": ""}, source=OptOut.Source.HAND, by=None
    ),
    "account disabled": lambda user: Account.objects.update(is_enabled=False),
    "home country": lambda user: Account.objects.update(home_country="BE"),
    "default sender": lambda user: Account.objects.update(default_sender=Sender.objects.first()),
    "sender added": lambda user: Sender.objects.create(account=user.account, name="Another"),
    "sender refused": lambda user: Sender.objects.update(status=Sender.Status.REFUSED),
    "sender removed": lambda user: Sender.objects.all().delete(),
    "sender given to another": lambda user: only_sender().api_users.add(
        make_api_user(account=user.account)
    ),
    "sender for some only": lambda user: Sender.objects.update(is_for_all=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_database_counts_whoever_changes_it(change):
    user = make_api_user()
    before = remembered(user).revisions
    assert revisions(user) == before

    change(user)

    assert revisions(user) != before


def test_a_sender_that_changes_accounts_is_a_change_of_both():
    user, other = make_api_user(), make_api_user()
    sender = Sender.objects.get(account=user.account)
    Sender.objects.filter(account=other.account).delete()
    before = revisions(user), revisions(other)

    Sender.objects.filter(pk=sender.pk).update(account=other.account)

    assert revisions(user) != before[0]
    assert revisions(other) != before[1]


def test_each_change_of_who_may_show_a_sender_is_counted():
    user = make_api_user()
    uses = Sender.api_users.through.objects
    seen = {revisions(user)}

    use = uses.create(sender=only_sender(), apiuser=user)
    seen.add(revisions(user))
    uses.update(apiuser=make_api_user(account=user.account))
    seen.add(revisions(user))
    uses.filter(pk=use.pk).delete()
    seen.add(revisions(user))

    assert len(seen) == 4


def test_the_count_never_comes_back_to_what_it_was():
    user = make_api_user()
    seen = set()

    for enabled in (False, True, False, True):
        api_users.set_enabled(user, enabled, by=None)
        seen.add(revisions(user))

    assert len(seen) == 4


def test_other_accounts_are_not_concerned():
    user = make_api_user()
    before = revisions(user)

    make_api_user(account=make_account())

    assert revisions(user) == before


def test_only_enabled_senders_are_remembered():
    user = make_api_user()
    Sender.objects.create(account=user.account, name="Waiting")
    Sender.objects.create(
        account=user.account, name="33700", status=Sender.Status.ENABLED, takes_replies=True
    )

    caller = remembered(user)

    assert caller.senders == {"Example", "33700"}
    assert caller.reply_sender == "33700"


def test_a_deleted_user_is_not_read():
    user = make_api_user()
    api_users.delete(user, by=None)

    assert callers.read(user.account.name, user.login) is None


def test_no_more_are_remembered_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(callers, "MOST_REMEMBERED", 2)
    users = [make_api_user() for _ in range(3)]

    for user in users:
        remembered(user)

    kept = [callers.remembered(user.account.name, user.login) is not None for user in users]
    assert kept == [False, True, True]
