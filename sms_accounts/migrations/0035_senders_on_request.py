"""Senders that holders ask for, what they are told of them, and which API users may show which.

Making the table of senders anew on SQLite drops its triggers, so that they are made again here; a
later migration that does so has to drop those of `sms_accounts_sender_api_users` first, which name
that table, and to run `count_uses` again.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# SQLite only: as migration 0030 has them.
OF_SENDERS = [
    f"""
    CREATE TRIGGER IF NOT EXISTS sender_counts_revisions_{number} AFTER {done} ON sms_accounts_sender
    BEGIN
        UPDATE sms_accounts_account SET revision = 0 WHERE id = {row}.account_id;
    END
    """  # noqa: S608  # no outside text in it
    for number, (done, row) in enumerate(
        (("INSERT", "NEW"), ("UPDATE", "OLD"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
    )
]
# Who may show a sender counts as a change of the sender, and so of its account.
FORWARD = {
    "postgresql": [
        """
        CREATE FUNCTION count_revision_of_sender() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN
                UPDATE sms_accounts_sender SET account_id = account_id WHERE id = OLD.sender_id;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                UPDATE sms_accounts_sender SET account_id = account_id WHERE id = NEW.sender_id;
            END IF;
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER use_of_sender_counts_revisions
        AFTER INSERT OR UPDATE OR DELETE ON sms_accounts_sender_api_users
        FOR EACH ROW EXECUTE FUNCTION count_revision_of_sender()
        """,
    ],
    "sqlite": [
        *OF_SENDERS,
        *(
            f"""
            CREATE TRIGGER use_of_sender_counts_revisions_{number}
            AFTER {done} ON sms_accounts_sender_api_users
            BEGIN
                UPDATE sms_accounts_sender SET account_id = account_id WHERE id = {row}.sender_id;
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
        "DROP TRIGGER use_of_sender_counts_revisions ON sms_accounts_sender_api_users",
        "DROP FUNCTION count_revision_of_sender()",
    ],
    "sqlite": [f"DROP TRIGGER use_of_sender_counts_revisions_{number}" for number in range(4)],
}


def count_uses(apps, schema_editor):
    for statement in FORWARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def count_no_uses(apps, schema_editor):
    for statement in BACKWARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def count_senders_again(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in OF_SENDERS:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0034_figures_of_accounts_and_api_users")]

    operations = [
        # On the way back this comes last, when the table has been made anew.
        migrations.RunPython(migrations.RunPython.noop, count_senders_again),
        migrations.AddField(
            "sender",
            "reason",
            models.CharField(blank=True, max_length=500, verbose_name="reason"),
        ),
        migrations.AddField(
            "sender",
            "refused_because",
            models.CharField(blank=True, max_length=500, verbose_name="refused because"),
        ),
        migrations.AddField(
            "sender",
            "asked_by",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "sender",
            "decided_at",
            models.DateTimeField(blank=True, null=True, verbose_name="decided"),
        ),
        migrations.AddField(
            "sender",
            "is_for_all",
            models.BooleanField(default=True, verbose_name="for all API users"),
        ),
        migrations.AddField(
            "sender",
            "api_users",
            models.ManyToManyField(blank=True, related_name="senders", to="sms_accounts.apiuser"),
        ),
        migrations.CreateModel(
            name="SenderNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sender", models.CharField(max_length=15, verbose_name="sender")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("enabled", "Enabled"),
                            ("refused", "Refused"),
                        ],
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "refused_because",
                    models.CharField(blank=True, max_length=500, verbose_name="refused because"),
                ),
                ("address", models.CharField(max_length=254, verbose_name="address")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Sent"),
                            ("given_up", "Given up"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="next attempt")),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sms_accounts.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "notice of a sender",
                "verbose_name_plural": "notices of senders",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at", "id"],
                        name="sender_notices_due",
                    )
                ],
            },
        ),
        migrations.RunPython(count_uses, count_no_uses),
    ]
