"""The password before the present one may go on working for a while."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0002_a_rate_for_everywhere")]

    operations = [
        migrations.AddField(
            model_name="apiuser",
            name="former_password",
            field=models.CharField(blank=True, max_length=128, verbose_name="former password hash"),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="former_password_until",
            field=models.DateTimeField(
                blank=True, null=True, verbose_name="former password works until"
            ),
        ),
    ]
