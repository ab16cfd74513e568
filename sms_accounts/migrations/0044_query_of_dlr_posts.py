"""What a carrier says in the URL of its call is kept as it came, like the body."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0043_http_carriers")]

    operations = [
        migrations.AddField(
            model_name="dlrpost",
            name="query",
            field=models.TextField(blank=True, default="", verbose_name="query"),
        ),
    ]
