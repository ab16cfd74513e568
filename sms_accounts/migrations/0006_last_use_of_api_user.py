"""How the password came with an API user's last call, and the index that finds it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0005_restrictions_may_only_observe")]

    operations = [
        migrations.AddField(
            model_name="addressuse",
            name="method",
            field=models.CharField(
                blank=True,
                choices=[("url", "in the URL"), ("form", "in the body"), ("basic", "HTTP Basic")],
                max_length=5,
                verbose_name="method",
            ),
        ),
        migrations.AddField(
            model_name="addressuse",
            name="with_former_password",
            field=models.BooleanField(default=False, verbose_name="with the former password"),
        ),
        migrations.AddIndex(
            model_name="addressuse",
            index=models.Index(fields=["api_user", "-accepted_at"], name="last_use_of_api_user"),
        ),
    ]
