"""Tells holders by mail what the program did on its own, or could not do: each matter once."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from sms_accounts import mail_outbox, oddity_words
from sms_accounts.models import Account, ApiUser, Incident, Membership, Notice, QuotaRenewal
from sms_accounts.oddities import finding_of

Kind = Notice.Kind

# So many of the users without their credits are named.
MOST_NAMED = 20


def tell_later(
    account: Account,
    kind: Notice.Kind,
    matter: str,
    *,
    user: ApiUser | None = None,
    values: Mapping[str, Any] | None = None,
    at: datetime,
) -> None:
    """Store that each owner and manager is to be told from a moment on, once of each matter.

    To be called in the transaction of what it tells of.
    """
    Notice.objects.bulk_create(
        (
            Notice(
                account=account,
                kind=kind,
                matter=matter,
                api_user=user,
                values=dict(values or {}),
                address=address,
                due_at=at,
            )
            for address in Membership.objects.addresses_of(account)
        ),
        ignore_conflicts=True,
    )


def short_renewals(account: Account) -> QuerySet[QuotaRenewal]:
    """Return the quotas that lack credits since they were last to be filled up."""
    return QuotaRenewal.objects.filter(api_user__account=account, missing__gt=0)


def tell_due() -> int:
    """Mail what is due; return how many mails were taken."""
    return mail_outbox.tell_due(Notice, _mail)


def _mail(notice: Notice) -> EmailMessage | None:
    """Return the mail of a notice, in the account's language and time zone."""
    account = notice.account
    with translation.override(account.language), timezone.override(ZoneInfo(account.time_zone)):
        if notice.kind == Kind.PAUSED:
            return _of_pause(notice)
        return _of_short_renewals(notice)


def _of_pause(notice: Notice) -> EmailMessage | None:
    incident = Incident.objects.select_related("api_user").filter(pk=int(notice.matter)).first()
    if incident is None:
        return None
    account, login = notice.account, incident.api_user.login
    at = incident.paused_at or incident.began_at
    told = oddity_words.told(finding_of(incident), zone=ZoneInfo(account.time_zone), at=at)
    return _composed(
        notice,
        _("%(account)s: %(login)s was paused") % {"account": account.name, "login": login},
        "email/paused.txt",
        {
            "account": account,
            "login": login,
            "incident": incident,
            "rule": told.title,
            "sentence": told.sentence,
            "page": reverse("api-user", args=[account.name, incident.api_user_id]),
        },
    )


def _of_short_renewals(notice: Notice) -> EmailMessage | None:
    short = short_renewals(notice.account).order_by("api_user__login", "pk")
    missing = list(short.values_list("api_user__login", "missing"))
    if not missing:
        # Somebody has paid meanwhile.
        return None
    account = notice.account
    return _composed(
        notice,
        _("%(account)s: not enough credits for the quotas") % {"account": account.name},
        "email/not_renewed.txt",
        {
            "account": account,
            "count": len(missing),
            "missing": sum((credits for _login, credits in missing), Decimal(0)),
            "named": missing[:MOST_NAMED],
            "others": len(missing) - MOST_NAMED,
            "page": reverse("account", args=[account.name]),
        },
    )


def _composed(
    notice: Notice, subject: str, template: str, values: Mapping[str, Any]
) -> EmailMessage:
    page = settings.PANEL_URL + values["page"]
    return EmailMessage(
        subject,
        render_to_string(template, {**values, "page": page}),
        settings.DEFAULT_FROM_EMAIL,
        [notice.address],
        headers={
            # The same at a second try: a mail that went out twice shows once.
            "Message-ID": f"<notice-{notice.pk}@{urlsplit(settings.PANEL_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
