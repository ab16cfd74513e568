"""Routes, the lanes that they make, and how each carrier does."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0044_query_of_dlr_posts")]

    operations = [
        migrations.CreateModel(
            name="CarrierSwitch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                ("is_passed_over", models.BooleanField(verbose_name="passed over")),
                ("because", models.CharField(max_length=200, verbose_name="because")),
                ("at", models.DateTimeField(verbose_name="at")),
            ],
            options={
                "verbose_name": "change between carriers",
                "verbose_name_plural": "changes between carriers",
            },
        ),
        migrations.CreateModel(
            name="CarrierTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("taken", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("later", models.PositiveIntegerField(default=0)),
                ("unanswered", models.PositiveIntegerField(default=0)),
                ("delivered", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("submit_times", models.JSONField(default=dict)),
                ("dlr_times", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "tally of a carrier",
                "verbose_name_plural": "tallies of carriers",
            },
        ),
        migrations.CreateModel(
            name="CarrierWatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        editable=False, max_length=40, unique=True, verbose_name="carrier"
                    ),
                ),
                (
                    "slow_seconds",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Passed over while half of its answers to submits take longer. Empty: never for that.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="slow after seconds",
                    ),
                ),
                (
                    "queue_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Passed over while a message that is due has waited longer for it. Empty: never.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(10)],
                        verbose_name="longest wait in seconds",
                    ),
                ),
                (
                    "least_delivered",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Passed over while fewer of the parts reported on in the last 30 minutes were delivered, once there are 20 reports. Empty: never for that.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="least delivered, in percent",
                    ),
                ),
                (
                    "well_minutes",
                    models.PositiveSmallIntegerField(
                        default=5,
                        help_text="For so long nothing may be wrong with it; twice as long after each time more in six hours, one hour at most.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="minutes until it is trusted again",
                    ),
                ),
                (
                    "is_passed_over",
                    models.BooleanField(default=False, editable=False, verbose_name="passed over"),
                ),
                ("since", models.DateTimeField(editable=False, null=True, verbose_name="since")),
                (
                    "because",
                    models.CharField(
                        blank=True, editable=False, max_length=200, verbose_name="because"
                    ),
                ),
                ("trouble_since", models.DateTimeField(editable=False, null=True)),
                ("well_since", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "verbose_name": "health of a carrier",
                "verbose_name_plural": "health of carriers",
            },
        ),
        migrations.CreateModel(
            name="Lane",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "carriers",
                    models.CharField(max_length=500, unique=True, verbose_name="carriers"),
                ),
            ],
            options={
                "verbose_name": "lane",
                "verbose_name_plural": "lanes",
            },
        ),
        migrations.CreateModel(
            name="Route",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="switched on")),
                (
                    "prefix",
                    models.CharField(
                        blank=True,
                        max_length=15,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[0-9]*\\Z", "Digits only, without plus sign."
                            )
                        ],
                        verbose_name="prefix",
                    ),
                ),
                ("sender", models.CharField(blank=True, max_length=15, verbose_name="sender")),
            ],
            options={
                "verbose_name": "route",
                "verbose_name_plural": "routes",
            },
        ),
        migrations.CreateModel(
            name="RouteCarrier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                (
                    "preference",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="1 is tried first; the next number, where that carrier is passed over.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(99),
                        ],
                        verbose_name="preference",
                    ),
                ),
                (
                    "share",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="Among carriers of one preference: 3 and 1 are three messages to one.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="share",
                    ),
                ),
                (
                    "cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        help_text="What this carrier asks of us for it, for staff to compare.",
                        max_digits=10,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cost a part",
                    ),
                ),
            ],
            options={
                "verbose_name": "carrier of a route",
                "verbose_name_plural": "carriers of a route",
            },
        ),
        migrations.AddIndex(
            model_name="carrierswitch",
            index=models.Index(fields=["carrier", "-at"], name="switches_of_carrier"),
        ),
        migrations.AddIndex(
            model_name="carriertally",
            index=models.Index(fields=["at"], name="tallies_by_time"),
        ),
        migrations.AddField(
            model_name="route",
            name="account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="routes",
                to="sms_accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="api_user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="routes",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AddField(
            model_name="routecarrier",
            name="route",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="carriers",
                to="sms_accounts.route",
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.UniqueConstraint(
                django.db.models.functions.comparison.Coalesce("account", 0),
                django.db.models.functions.comparison.Coalesce("api_user", 0),
                models.F("sender"),
                models.F("prefix"),
                name="route_once_per_kind_of_messages",
                violation_error_message="There is a route for just these messages already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=models.Q(("api_user", None), ("account__isnull", False), _connector="OR"),
                name="route_of_api_user_names_its_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="routecarrier",
            constraint=models.UniqueConstraint(
                fields=("route", "carrier"),
                name="carrier_once_per_route",
                violation_error_message="A carrier stands in a route once.",
            ),
        ),
    ]
