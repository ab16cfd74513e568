"""Words alone: a carrier takes all messages that no route sends elsewhere."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0054_cancellations_of_many_messages"),
    ]

    operations = [
        migrations.AlterField(
            model_name="httpcarrier",
            name="is_default",
            field=models.BooleanField(
                default=False,
                help_text="What no route sends elsewhere goes to this carrier from now on. With no carrier chosen, the one in PANEL_CARRIER takes it.",
                verbose_name="takes all messages without a route",
            ),
        ),
        migrations.AlterField(
            model_name="smppcarrier",
            name="is_default",
            field=models.BooleanField(
                default=False,
                help_text="What no route sends elsewhere goes to this carrier from now on. With no carrier chosen, the one in PANEL_CARRIER takes it.",
                verbose_name="takes all messages without a route",
            ),
        ),
        migrations.AlterField(
            model_name="smppcarrier",
            name="bind_told",
            field=models.CharField(
                blank=True, editable=False, max_length=200, verbose_name="last event"
            ),
        ),
        migrations.AlterField(
            model_name="smppcarrier",
            name="bind_told_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="last event at"
            ),
        ),
        migrations.AlterConstraint(
            model_name="httpcarrier",
            name="one_http_carrier_takes_all_messages",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("is_default",),
                name="one_http_carrier_takes_all_messages",
                violation_error_message="Another carrier takes all messages without a route. Change that first.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="httpcarrier",
            name="http_carrier_that_takes_all_messages_is_on",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_default", False), ("is_enabled", True), _connector="OR"),
                name="http_carrier_that_takes_all_messages_is_on",
                violation_error_message="A carrier that takes messages without a route must be switched on: they would wait.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="smppcarrier",
            name="one_carrier_takes_all_messages",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("is_default",),
                name="one_carrier_takes_all_messages",
                violation_error_message="Another carrier takes all messages without a route. Change that first.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="smppcarrier",
            name="carrier_that_takes_all_messages_is_on",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_default", False), ("is_enabled", True), _connector="OR"),
                name="carrier_that_takes_all_messages_is_on",
                violation_error_message="A carrier that takes messages without a route must be switched on: they would wait.",
            ),
        ),
    ]
