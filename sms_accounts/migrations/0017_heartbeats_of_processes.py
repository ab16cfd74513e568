"""A row for each worker and beat, which says when it was last there."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0016_parked_reports")]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("worker", "Worker"), ("beat", "Beat")], max_length=6
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("queues", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField()),
                ("own_clock", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "name"), name="one_heartbeat_per_process"
                    )
                ],
            },
        ),
    ]
