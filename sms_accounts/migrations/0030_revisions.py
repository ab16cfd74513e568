"""The database counts the changes of API users and accounts, whoever makes them and by what way.

A later migration that makes one of these tables anew on SQLite drops its triggers with the old
table, and has to run `count_changes` again.
"""

from django.db import migrations, models

FORWARD = {
    "postgresql": [
        """
        CREATE FUNCTION count_revision() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.revision := OLD.revision + 1;
            RETURN NEW;
        END $$
        """,
        """
        CREATE TRIGGER api_user_counts_revisions BEFORE UPDATE ON sms_accounts_apiuser
        FOR EACH ROW EXECUTE FUNCTION count_revision()
        """,
        """
        CREATE TRIGGER account_counts_revisions BEFORE UPDATE ON sms_accounts_account
        FOR EACH ROW EXECUTE FUNCTION count_revision()
        """,
        """
        CREATE FUNCTION count_revision_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN
                UPDATE sms_accounts_account SET revision = 0 WHERE id = OLD.account_id;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                UPDATE sms_accounts_account SET revision = 0 WHERE id = NEW.account_id;
            END IF;
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER sender_counts_revisions
        AFTER INSERT OR UPDATE OR DELETE ON sms_accounts_sender
        FOR EACH ROW EXECUTE FUNCTION count_revision_of_account()
        """,
    ],
    "sqlite": [
        """
        CREATE TRIGGER api_user_counts_revisions AFTER UPDATE ON sms_accounts_apiuser
        BEGIN
            UPDATE sms_accounts_apiuser SET revision = OLD.revision + 1 WHERE id = NEW.id;
        END
        """,
        """
        CREATE TRIGGER account_counts_revisions AFTER UPDATE ON sms_accounts_account
        BEGIN
            UPDATE sms_accounts_account SET revision = OLD.revision + 1 WHERE id = NEW.id;
        END
        """,
        *(
            f"""
            CREATE TRIGGER sender_counts_revisions_{number} AFTER {done} ON sms_accounts_sender
            BEGIN
                UPDATE sms_accounts_account SET revision = 0 WHERE id = {row}.account_id;
            END
            """  # noqa: S608  # no outside text in it
            for number, (done, row) in enumerate(
                (("INSERT", "NEW"), ("UPDATE", "OLD"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
            )
        ),
    ],
}
BACKWARD = {
    "postgresql": [
        "DROP TRIGGER sender_counts_revisions ON sms_accounts_sender",
        "DROP FUNCTION count_revision_of_account()",
        "DROP TRIGGER account_counts_revisions ON sms_accounts_account",
        "DROP TRIGGER api_user_counts_revisions ON sms_accounts_apiuser",
        "DROP FUNCTION count_revision()",
    ],
    "sqlite": [
        "DROP TRIGGER api_user_counts_revisions",
        "DROP TRIGGER account_counts_revisions",
        *(f"DROP TRIGGER sender_counts_revisions_{number}" for number in range(4)),
    ],
}


def count_changes(apps, schema_editor):
    for statement in FORWARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def count_no_changes(apps, schema_editor):
    for statement in BACKWARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0029_replays_of_callbacks")]

    operations = [
        migrations.AddField(
            "account",
            "revision",
            models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            "apiuser",
            "revision",
            models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.RunPython(count_changes, count_no_changes),
    ]
