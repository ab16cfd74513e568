"""Writes down at which level of which purse each present alert goes out, and each given quota."""

from django.db import migrations
from django.db.models import F


def write(apps, schema_editor):
    users = apps.get_model("sms_accounts", "ApiUser").objects
    level = apps.get_model("sms_accounts", "Level")
    entries = apps.get_model("sms_accounts", "LedgerEntry").objects
    watched = users.filter(alert_enabled=True, deleted_at=None)
    level.objects.bulk_create(
        level(
            account_id=user.account_id,
            api_user_id=user.pk,
            wallet_id=user.wallet_id,
            credits=user.alert_threshold,
        )
        for user in watched.order_by("pk")
    )
    for user in users.filter(wallet=F("quota_wallet")).order_by("pk"):
        given = entries.filter(wallet=user.wallet_id, kind="quota").order_by("-pk").first()
        user.quota_given = given.balance if given else 0
        user.save(update_fields=["quota_given"])


def forget(apps, schema_editor):
    apps.get_model("sms_accounts", "Level").objects.all().delete()
    apps.get_model("sms_accounts", "ApiUser").objects.update(quota_given=None)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0025_levels_reminders_and_quiet_hours")]

    operations = [migrations.RunPython(write, forget)]
