"""Marks of what was removed: an empty text alone would not tell."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0018_how_long_texts_are_kept")]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="text_removed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="text removed"),
        ),
        migrations.AddField(
            model_name="submission",
            name="numbers_removed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="numbers removed"),
        ),
        migrations.AddField(
            model_name="dlrpost",
            name="body_removed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="body removed"),
        ),
    ]
