"""Accounts, API users and purses that payments name are kept: the database sees to it."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from sms_accounts import debits, submission
from sms_accounts.models import Account, Activity, ApiUser, Submission, Wallet
from tests.factories import make_account, make_api_user, make_message, make_order
from tests.races import overlapping

migration = import_module("sms_accounts.migrations.0061_who_has_paid_is_kept")

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite asks for what is named at each row"
)
KEPT: dict[str, type[Model]] = {"apiuser": ApiUser, "account": Account, "wallet": Wallet}


def delete(kept: str, key: int | None) -> None:
    """Delete a row as somebody would who goes past all that the models know."""
    rows = KEPT[kept]._default_manager.filter(pk=key)
    rows._raw_delete(rows.db)


def delete_and_ask(kept: str, key: int | None) -> None:
    """Delete a row, and ask at once whether that may be: the end of a transaction asks more."""
    with transaction.atomic(), connection.cursor() as cursor:
        delete(kept, key)
        cursor.execute(f"SET CONSTRAINTS {kept}_is_kept IMMEDIATE")


@pytest.mark.django_db
class TestKept:
    @pytest.mark.parametrize("kept", KEPT)
    @pytest.mark.django_db(transaction=True)
    def test_nobody_deletes_what_a_payment_names(self, kept):
        paid = make_message().submission

        with pytest.raises(IntegrityError):
            delete(kept, key_of(paid, kept))

        assert KEPT[kept]._default_manager.filter(pk=key_of(paid, kept)).exists()

    @on_postgresql
    @pytest.mark.parametrize("kept", KEPT)
    def test_is_refused_on_account_of_the_payment_alone(self, kept):
        paid = make_message().submission

        with pytest.raises(IntegrityError, match=f"The {kept} [0-9]+ is kept: payments name it"):
            delete_and_ask(kept, key_of(paid, kept))

    @on_postgresql
    def test_what_no_payment_names_may_go(self):
        user = make_api_user(account=make_account(credits=0))

        with transaction.atomic():
            delete_and_ask("apiuser", user.pk)
            delete_and_ask("account", user.account_id)
            delete_and_ask("wallet", user.quota_wallet_id)
            assert not ApiUser.objects.exists()
            assert not Account.objects.exists()
            # They are named by more than payments.
            transaction.set_rollback(True)


def key_of(paid: Submission, kept: str) -> int | None:
    return {"apiuser": paid.api_user_id, "account": paid.account_id, "wallet": paid.wallet_id}[kept]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_user_is_kept_that_sends_while_it_is_deleted():
    user = make_api_user()
    # Nothing but the payment is to name it.
    Activity.objects.all().delete()
    refused = []

    def delete_it() -> None:
        try:
            delete("apiuser", user.pk)
        except IntegrityError as kept:
            refused.append(str(kept))

    overlapping(
        lambda: submission.submit(make_order(user)), delete_it, while_in=(debits, "debit_each")
    )

    assert len(refused) == 1
    assert "payments name it" in refused[0]
    assert ApiUser.objects.get().pk == Submission.objects.get().api_user_id


@pytest.mark.django_db
def test_goes_back_and_forth():
    def constraints() -> list[int]:
        return [
            len(migration.foreign_keys(connection, table, column))
            for table, column, _parent in migration._foreign_keys(apps)
        ]

    is_postgresql = connection.vendor == "postgresql"
    assert constraints() == [0 if is_postgresql else 1] * 7

    with connection.cursor() as cursor:
        editor = SimpleNamespace(connection=connection, execute=cursor.execute)
        migration.ask_at_each(apps, editor)
        assert constraints() == [1] * 7
        migration.keep(apps, editor)

    assert constraints() == [0 if is_postgresql else 1] * 7
    if is_postgresql:
        key = make_message().submission.wallet_id
        with pytest.raises(IntegrityError, match="payments name it"):
            delete_and_ask("wallet", key)
