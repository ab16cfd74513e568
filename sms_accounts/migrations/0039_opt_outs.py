import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0038_activity_says_from_where")]

    operations = [
        # May be null and has no default: SQLite adds it to the table that is there, and the
        # table keeps its triggers.
        migrations.AddField(
            "account",
            "opt_outs_at",
            models.DateTimeField(editable=False, null=True, verbose_name="opt-outs changed"),
        ),
        migrations.CreateModel(
            name="OptOut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("msisdn", models.CharField(max_length=15, verbose_name="number")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("hand", "By hand"),
                            ("import", "Import"),
                            ("staff", "Staff"),
                        ],
                        max_length=6,
                        verbose_name="source",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(verbose_name="since")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="opt_outs",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "opt-out",
                "verbose_name_plural": "opt-outs",
                "indexes": [models.Index(fields=["account", "-id"], name="opt_outs_of_account")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "msisdn"), name="opt_out_once_per_account_and_number"
                    )
                ],
            },
        ),
    ]
