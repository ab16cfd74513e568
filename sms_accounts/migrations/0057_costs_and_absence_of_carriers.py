"""What carriers ask for each part and in all, and since when one is away."""

import django.core.validators
from django.db import migrations, models

import sms_accounts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0056_carriers_that_take_what_has_no_route"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="cost",
            field=models.DecimalField(
                blank=True, decimal_places=4, max_digits=12, null=True, verbose_name="cost"
            ),
        ),
        migrations.AddField(
            model_name="carrierwatch",
            name="away_since",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="routecarrier",
            name="cost",
            field=models.DecimalField(
                blank=True,
                decimal_places=4,
                help_text="What it asks of us, in credits.",
                max_digits=10,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="cost a part",
            ),
        ),
        migrations.CreateModel(
            name="CarrierDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                ("day", models.DateField(verbose_name="day")),
                ("messages", models.PositiveBigIntegerField(default=0, verbose_name="messages")),
                (
                    "without_cost",
                    models.PositiveBigIntegerField(default=0, verbose_name="no cost known"),
                ),
                (
                    "cost",
                    models.DecimalField(
                        decimal_places=4, default=0, max_digits=16, verbose_name="cost"
                    ),
                ),
                (
                    "credits",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="credits"),
                ),
            ],
            options={
                "verbose_name": "day of costs",
                "verbose_name_plural": "costs of carriers",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "carrier"), name="costs_once_per_day_and_carrier"
                    )
                ],
            },
        ),
    ]
