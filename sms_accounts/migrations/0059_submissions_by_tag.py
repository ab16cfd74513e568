"""An index by which the messages with a tag are found, however few or many have it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0058_latest_check_of_books")]

    operations = [
        migrations.AddIndex(
            "submission",
            models.Index(
                condition=models.Q(("tag", ""), _negated=True),
                fields=["account", "tag", "-id"],
                name="submissions_with_tag",
            ),
        ),
    ]
