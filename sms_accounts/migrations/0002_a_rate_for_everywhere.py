"""A first rate, so that a new installation can send: one credit a part, to all numbers."""

from django.db import migrations


def add(apps, schema_editor):
    Rate = apps.get_model("sms_accounts", "Rate")
    if not Rate.objects.exists():
        Rate.objects.create(prefix="", credits=1, description="Everywhere")


def remove(apps, schema_editor):
    apps.get_model("sms_accounts", "Rate").objects.filter(
        prefix="", credits=1, description="Everywhere"
    ).delete()


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0001_accounts_messages_and_ledger")]

    operations = [migrations.RunPython(add, remove)]
