"""What payments name is kept, and so is what was paid: the database sees to it."""

from importlib import import_module
from io import StringIO
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from sms_accounts import debits, submission
from sms_accounts.migrations._kept_rows import foreign_keys
from sms_accounts.models import (
    Account,
    Activity,
    ApiUser,
    LedgerEntry,
    Message,
    Submission,
    Wallet,
)
from tests.factories import make_account, make_api_user, make_message, make_order
from tests.races import overlapping

MIGRATIONS = [
    import_module(f"sms_accounts.migrations.{name}")
    for name in ("0061_who_has_paid_is_kept", "0063_what_was_paid_is_kept")
]

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite asks for what is named at each row"
)
KEPT: dict[str, type[Model]] = {
    "apiuser": ApiUser,
    "account": Account,
    "wallet": Wallet,
    "submission": Submission,
}


def delete(kept: str, key: int | None) -> None:
    """Delete a row as somebody would who goes past all that the models know."""
    rows = KEPT[kept]._default_manager.filter(pk=key)
    rows._raw_delete(rows.db)


def delete_and_ask(kept: str, key: int | None) -> None:
    """Delete a row, and ask at once whether that may be: the end of a transaction asks more."""
    with transaction.atomic(), connection.cursor() as cursor:
        delete(kept, key)
        cursor.execute(f"SET CONSTRAINTS {kept}_is_kept IMMEDIATE")


def unprotect(model: type[Model]) -> None:
    """Let rows be deleted, until the end of the transaction, as a faulty installation would."""
    with connection.cursor() as cursor:
        # What is asked at the end of the transaction must not wait for it any longer.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(f"ALTER TABLE {model._meta.db_table} DISABLE TRIGGER USER")


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
    return {
        "apiuser": paid.api_user_id,
        "account": paid.account_id,
        "wallet": paid.wallet_id,
        "submission": paid.pk,
    }[kept]


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


@on_postgresql
@pytest.mark.parametrize("named_by", [Message, LedgerEntry])
@pytest.mark.django_db
def test_a_submission_is_kept_by_its_messages_and_by_its_entry_alone(named_by):
    paid = make_message().submission
    [other] = {Message, LedgerEntry} - {named_by}
    unprotect(other)
    other._default_manager.filter(submission=paid)._raw_delete("default")

    with pytest.raises(IntegrityError, match=r"The submission \d+ is kept: payments name it"):
        delete_and_ask("submission", paid.pk)
    # The books are no longer right.
    transaction.set_rollback(True)


@on_postgresql
@pytest.mark.django_db
def test_books_are_wrong_where_a_submission_is_missing():
    message = make_message()
    entry = LedgerEntry.objects.get(submission=message.submission)
    unprotect(Submission)
    delete("submission", message.submission_id)

    with pytest.raises(CommandError) as wrong:
        call_command("check_books", stdout=StringIO())

    assert f"submission of message {message.pk}: missing" in str(wrong.value)
    assert f"submission of entry {entry.pk}: missing" in str(wrong.value)


@pytest.mark.parametrize("migration", MIGRATIONS)
@pytest.mark.django_db
def test_goes_back_and_forth(migration):
    columns = list(migration.KEPT.columns(apps))

    def constraints() -> list[int]:
        return [len(foreign_keys(connection, table, column)) for table, column, _parent in columns]

    is_postgresql = connection.vendor == "postgresql"
    kept, asked = [0 if is_postgresql else 1] * len(columns), [1] * len(columns)
    assert constraints() == kept

    with connection.cursor() as cursor:
        editor = SimpleNamespace(connection=connection, execute=cursor.execute)
        migration.KEPT.ask_at_each(apps, editor)
        assert constraints() == asked
        migration.KEPT.keep(apps, editor)

    assert constraints() == kept
    if is_postgresql:
        paid = make_message().submission
        for name in migration.KEPT.naming:
            with pytest.raises(IntegrityError, match="payments name it"):
                delete_and_ask(name, key_of(paid, name))
