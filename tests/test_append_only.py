"""Entries of the ledger are added, and never changed or deleted: the database sees to it."""

from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from sms_accounts import books, ledger
from sms_accounts.models import LedgerEntry
from tests.factories import make_account, make_message
from tests.kept_entries import kept_indexes

pytestmark = pytest.mark.django_db

REFUSAL = "never changed or deleted"


class TestAppendOnly:
    @pytest.fixture
    def entries(self):
        message = make_message()
        ledger.refund({message: "refused"})
        return LedgerEntry.objects.filter(account=message.account)

    def test_refuses_to_change_an_entry(self, entries):
        with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
            entries.update(reason="Something else")
        entry = entries.first()
        entry.credits = Decimal(1000)
        with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
            entry.save()

        assert entries.count() == 3

    def test_refuses_to_delete_an_entry(self, entries):
        with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
            entries.delete()
        with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
            LedgerEntry.objects.order_by("id")[0].delete()

        assert entries.count() == 3

    def test_refuses_to_replace_an_entry_by_inserting_it_again(self, entries):
        entry = entries.first()
        entry.reason = "Something else"

        with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
            LedgerEntry.objects.bulk_create(
                [entry], update_conflicts=True, unique_fields=["id"], update_fields=["reason"]
            )

    @pytest.mark.django_db(transaction=True)
    def test_can_be_taken_back_and_made_again(self, entries):
        loader = MigrationLoader(connection, replace_migrations=False)
        named = "ledger_entries_are_append_only"
        [key] = [key for key in loader.graph.nodes if key[1].endswith(named)]
        migration, state = loader.get_migration(*key), loader.project_state(key)

        try:
            with connection.schema_editor() as editor:
                migration.unapply(state.clone(), editor)
            assert not books.is_append_only()
            assert entries.update(reason="Something else") == 3
        finally:
            with connection.schema_editor() as editor:
                migration.apply(state.clone(), editor)

        assert books.is_append_only()

    @pytest.mark.django_db(transaction=True)
    def test_holds_for_a_whole_table_and_after_it_was_emptied_for_a_test(self, entries):
        if connection.vendor == "postgresql":
            with (
                connection.cursor() as cursor,
                pytest.raises(IntegrityError, match=REFUSAL),
            ):
                cursor.execute("TRUNCATE sms_accounts_ledgerentry CASCADE")

        call_command("flush", interactive=False, verbosity=0)

        assert not LedgerEntry.objects.exists()
        assert books.is_append_only()
        make_account(credits=1)
        with pytest.raises(IntegrityError, match=REFUSAL):
            LedgerEntry.objects.all().delete()

    @pytest.mark.django_db(transaction=True)
    def test_holds_after_the_table_was_made_anew_and_on_the_way_back(self):
        loader = MigrationLoader(connection, replace_migrations=False)
        [key] = [key for key in loader.graph.nodes if key[1].endswith("_by_purse_and_api_user")]
        migration, state = loader.get_migration(*key), loader.project_state(key)
        [before] = migration.dependencies[:1]
        earlier = loader.project_state(before)

        with kept_indexes():
            try:
                with connection.schema_editor() as editor:
                    migration.unapply(earlier.clone(), editor)
                assert books.is_append_only()
            finally:
                with connection.schema_editor() as editor:
                    migration.apply(earlier.clone(), editor)
        assert books.is_append_only()
        assert state.models
