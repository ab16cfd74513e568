"""Lets the indexes of what is listed by owner, the newest first, rise with their keys.

What falls puts each new row before all others of its owner. There PostgreSQL splits a full page in
halves that stay half empty; at the end of an owner's rows it leaves it nearly full. Read backwards,
what rises gives the newest first as well.
"""

from django.db import migrations, models

RISING = [
    ("activity", ("account",), "activity_of_account", None),
    ("alert", ("account",), "alerts_of_account", None),
    ("alert", ("api_user",), "alerts_of_api_user", None),
    ("batch", ("account",), "batches_of_account", None),
    ("batch", ("by",), "batches_of_person", None),
    ("callback", ("account",), "callbacks_of_account", None),
    ("callback", ("api_user",), "callbacks_of_api_user", None),
    (
        *("incident", ("account",), "incidents_that_pause"),
        models.Q(("paused_at__isnull", False), ("released_at", None)),
    ),
    ("ledgerentry", ("account",), "ledger_of_account", None),
    ("ledgerentry", ("account", "api_user"), "ledger_of_api_user", None),
    ("ledgerentry", ("wallet",), "ledger_of_wallet", None),
    ("ledgerentry", ("account", "kind"), "ledger_but_debits", ~models.Q(kind="debit")),
    ("message", ("account",), "messages_of_account", None),
    ("message", ("msisdn", "account"), "messages_to_msisdn_of_account", None),
    ("messageexport", ("account",), "message_exports_of_account", None),
    ("optout", ("account",), "opt_outs_of_account", None),
    ("received", ("account",), "received_of_account", None),
    ("received", ("account", "msisdn"), "received_of_msisdn", None),
    ("received", ("api_user",), "received_of_api_user", None),
    ("submission", ("account",), "submissions_of_account", None),
    ("submission", ("api_user",), "submissions_of_api_user", None),
    ("submission", ("account", "tag"), "submissions_with_tag", ~models.Q(tag="")),
]


def rising(model, owner, name, condition):
    index = models.Index(fields=[*owner, "id"], name=name, condition=condition)
    return migrations.RemoveIndex(model, name), migrations.AddIndex(model, index)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0061_who_has_paid_is_kept")]

    operations = [operation for each in RISING for operation in rising(*each)]
