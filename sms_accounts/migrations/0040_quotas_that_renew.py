import django.db.models.deletion
from django.db import migrations, models

import sms_accounts.models.fields


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0039_opt_outs")]

    operations = [
        migrations.CreateModel(
            name="QuotaRenewal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[
                            ("day", "Every day"),
                            ("week", "Every week, on Monday"),
                            ("month", "Every month, on the first"),
                        ],
                        max_length=5,
                        verbose_name="renews",
                    ),
                ),
                (
                    "credits",
                    sms_accounts.models.fields.CreditsField(verbose_name="filled up to"),
                ),
                (
                    "missing",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="missing"),
                ),
                ("renews_at", models.DateTimeField(verbose_name="renews at")),
                (
                    "api_user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="renewal",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "renewal of a quota",
                "verbose_name_plural": "renewals of quotas",
                "indexes": [
                    models.Index(fields=["renews_at", "id"], name="renewals_due"),
                    models.Index(
                        condition=models.Q(("missing__gt", 0)),
                        fields=["id"],
                        name="renewals_not_whole",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("credits__gt", 0)), name="renewed_quota_above_zero"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("missing__gte", 0)),
                        name="missing_credits_never_below_zero",
                    ),
                ],
            },
        ),
    ]
