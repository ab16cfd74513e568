"""The indexes that find what is still to be removed; what is gone is in none of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0019_when_texts_were_removed")]

    operations = [
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("numbers_removed_at", None)),
                fields=["account", "created_at", "id"],
                name="submissions_with_numbers",
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("text_removed_at", None)),
                fields=["api_user", "created_at", "id"],
                name="submissions_with_text",
            ),
        ),
        migrations.AddIndex(
            model_name="dlrpost",
            index=models.Index(
                condition=models.Q(("body_removed_at", None)),
                fields=["received_at", "id"],
                name="dlr_posts_with_body",
            ),
        ),
        migrations.AddIndex(
            model_name="callbackattempt",
            index=models.Index(
                condition=models.Q(("answer", ""), _negated=True),
                fields=["at", "id"],
                name="callback_attempts_with_answer",
            ),
        ),
        migrations.AddIndex(
            model_name="addressuse",
            index=models.Index(fields=["accepted_at", "id"], name="address_uses_by_age"),
        ),
    ]
