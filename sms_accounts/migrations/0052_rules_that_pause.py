"""What rules about unusual API users do, what they found, and what holders are told of it.

No table is made anew: the one column that comes to a table that is there may be null.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0051_no_plain_index_beside_a_longer_one"),
    ]

    operations = [
        migrations.CreateModel(
            name="Incident",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("failures", "Many failures"),
                            ("burst", "Burst"),
                            ("country", "New country"),
                            ("hours", "Unusual hours"),
                        ],
                        max_length=8,
                        verbose_name="rule",
                    ),
                ),
                ("figures", models.JSONField(verbose_name="figures")),
                ("began_at", models.DateTimeField(verbose_name="began")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("paused_at", models.DateTimeField(blank=True, null=True, verbose_name="paused")),
                (
                    "released_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="released"),
                ),
            ],
            options={
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("paused", "API user paused"),
                            ("not_renewed", "Quotas not renewed"),
                        ],
                        max_length=11,
                        verbose_name="kind",
                    ),
                ),
                ("matter", models.CharField(max_length=40, verbose_name="matter")),
                ("values", models.JSONField(default=dict, verbose_name="values")),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
            },
        ),
        migrations.CreateModel(
            name="RuleChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("failures", "Many failures"),
                            ("burst", "Burst"),
                            ("country", "New country"),
                            ("hours", "Unusual hours"),
                        ],
                        max_length=8,
                        verbose_name="rule",
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[("off", "Off"), ("warn", "Warn"), ("pause", "Pause")],
                        max_length=5,
                        verbose_name="action",
                    ),
                ),
            ],
            options={
                "verbose_name": "choice about a rule",
                "verbose_name_plural": "choices about rules",
            },
        ),
        migrations.AddField(
            model_name="habit",
            name="judge_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="judged next"),
        ),
        migrations.AddIndex(
            model_name="habit",
            index=models.Index(
                condition=models.Q(("judge_at__isnull", False)),
                fields=["judge_at", "api_user"],
                name="habits_to_judge",
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="sms_accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="api_user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="incidents",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="released_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="sms_accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="api_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AddField(
            model_name="rulechoice",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rule_choices",
                to="sms_accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="rulechoice",
            name="api_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rule_choices",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("paused_at__isnull", False), ("released_at", None)),
                fields=["account", "-id"],
                name="incidents_that_pause",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("api_user", "rule"),
                name="one_incident_per_user_and_rule_at_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["due_at", "id"],
                name="notices_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                fields=("account", "kind", "matter", "address"), name="told_once_of_each_matter"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulechoice",
            constraint=models.UniqueConstraint(
                fields=("api_user", "rule"), name="one_choice_per_user_and_rule"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulechoice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("api_user", None)),
                fields=("account", "rule"),
                name="one_choice_per_account_and_rule",
            ),
        ),
    ]
