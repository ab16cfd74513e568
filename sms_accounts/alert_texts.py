"""The words of alerts: what a mail and an SMS say, from the holder's texts or from ours.

All that is ours in them, figures and moments included, is in the account's language.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import spending
from sms_accounts.models import Account, Alert, AlertTexts, Notification

Kind = Alert.Kind

# What stands for what in a text; the panel's own default texts use the same.
VARIABLES: Mapping[str, object] = {
    "|USER|": gettext_lazy("ID of the API user"),
    "|REMAINING|": gettext_lazy("credits that the API user can still spend"),
    "|ALERTTHRESHOLD|": gettext_lazy("threshold of the alert"),
    "|CREDITSLEFT|": gettext_lazy("credits left in the account"),
    "|ACCOUNT|": gettext_lazy("name of the account"),
    "|DATE|": gettext_lazy("day and time, in the account's time zone"),
}
_VARIABLE = re.compile(r"\|[A-Za-z_]+\|")

DEFAULT_SUBJECT = gettext_lazy("|USER|: |REMAINING| SMS credits left")
DEFAULT_BODY = gettext_lazy(
    "Hello,\n\n"
    "the API user |USER| has |REMAINING| SMS credits left. You asked to be told at "
    "|ALERTTHRESHOLD| or below.\n\n"
    "The account |ACCOUNT| itself has |CREDITSLEFT| credits left.\n\n"
    "The next alert follows only after the credits were above |ALERTTHRESHOLD| again.\n"
)
DEFAULT_SMS = gettext_lazy("|USER|: |REMAINING| SMS credits left, alert at |ALERTTHRESHOLD|")
# Of an account itself the API user's sentences would not be true.
_BODY_OF_ACCOUNT = gettext_lazy(
    "Hello,\n\n"
    "the account |ACCOUNT| has |REMAINING| SMS credits left. You asked to be told at "
    "|ALERTTHRESHOLD| or below. What quotas hold is not counted.\n\n"
    "The next alert follows only after the credits were above |ALERTTHRESHOLD| again.\n"
)
_CLEAR_SUBJECT = gettext_lazy("|USER|: |REMAINING| SMS credits again")
_CLEAR_BODY = gettext_lazy(
    "Hello,\n\n"
    "|USER| has |REMAINING| SMS credits again, which is above |ALERTTHRESHOLD|. There is nothing "
    "to do.\n"
)
_CLEAR_SMS = gettext_lazy("|USER|: |REMAINING| SMS credits again, above |ALERTTHRESHOLD|")
_PREFIXES: Mapping[str, object] = {
    Kind.TEST: gettext_lazy("Test: %s"),
    Kind.REMINDER: gettext_lazy("Reminder: %s"),
}


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the variables of a text stand for, as they are written."""

    user: str
    remaining: str
    threshold: str
    credits_left: str
    account: str = ""
    date: str = ""


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What goes out about an API user while the holder's own texts are switched off."""

    subject: str
    body: str
    sms: str


@dataclass(frozen=True)
class Mail:
    """An alert mail as it goes out: the plain part, and the same as HTML."""

    sender: str
    subject: str
    body: str
    html: str


def defaults(account: Account) -> Defaults:
    """Return our own texts, in the account's language."""
    with translation.override(account.language):
        return Defaults(subject=str(DEFAULT_SUBJECT), body=str(DEFAULT_BODY), sms=str(DEFAULT_SMS))


def unknown_variables(text: str) -> list[str]:
    """Return what looks like a variable in a text and is none, in order."""
    return [found for found in _VARIABLE.findall(text) if found not in VARIABLES]


def render(text: str, values: Values) -> str:
    """Put values in place of variables, once: a value that looks like a variable stays."""
    given = {
        "|USER|": values.user,
        "|REMAINING|": values.remaining,
        "|ALERTTHRESHOLD|": values.threshold,
        "|CREDITSLEFT|": values.credits_left,
        "|ACCOUNT|": values.account,
        "|DATE|": values.date,
    }
    return _VARIABLE.sub(lambda found: given.get(found[0], found[0]), text)


def values_of(alert: Alert) -> Values:
    """Return what the variables stand for in an alert.

    What is left and the threshold are those of the crossing; the account's credits are today's.
    """
    account = alert.account
    at = timezone.localtime(alert.crossed_at, ZoneInfo(account.time_zone))
    with translation.override(account.language):
        return Values(
            user=str(alert.subject),
            remaining=_figure(alert.balance),
            threshold=_figure(alert.threshold),
            credits_left=_figure(account.wallet.spendable),
            account=account.name,
            date=formats.date_format(at, "SHORT_DATETIME_FORMAT"),
        )


def _figure(credits: Decimal) -> str:
    # Without groups: French has a space between them that no SMS has in its alphabet.
    return formats.number_format(credits, decimal_pos=2, force_grouping=False)


def email_of(
    texts: AlertTexts, alert: Alert, *, instead_of_sms: Notification.Hindrance | None = None
) -> Mail:
    """Return the mail of an alert: the holder's words, or ours where those are switched off.

    `instead_of_sms` says why it comes by mail where an SMS was asked for.
    """
    with translation.override(alert.account.language):
        return _email_of(texts, alert, instead_of_sms)


def _email_of(
    texts: AlertTexts, alert: Alert, instead_of_sms: Notification.Hindrance | None
) -> Mail:
    values = values_of(alert)
    sender, subject, body = _words(texts, alert)
    paragraphs = [_pace(alert)]
    if instead_of_sms is not None:
        paragraphs.insert(0, _("This comes by email: %s") % instead_of_sms.label)
    if alert.kind == Kind.TEST:
        paragraphs.insert(0, _("This is a test that somebody asked for. Nothing has run out."))
    url = f"{settings.PANEL_URL}{reverse('alert-log', args=[alert.account.name])}"
    return _composed(
        sender,
        # A header has one line, whatever the values hold.
        " ".join(_marked(render(subject, values), alert).split()),
        render(body, values),
        more=[paragraph for paragraph in paragraphs if paragraph],
        url=url,
    )


def _composed(sender: str, subject: str, body: str, *, more: Sequence[str], url: str) -> Mail:
    plain = "\n\n".join([body.rstrip("\n"), *more, _("All alerts: %s") % url]) + "\n"
    context = {"subject": subject, "body": body, "more": more, "url": url}
    return Mail(sender, subject, plain, render_to_string("email/alert.html", context))


def _words(texts: AlertTexts, alert: Alert) -> tuple[str, str, str]:
    if alert.kind == Kind.ALL_CLEAR:
        # The holder's words say that credits run out.
        sender = texts.email_from if texts.email_customised else settings.DEFAULT_FROM_EMAIL
        return sender, str(_CLEAR_SUBJECT), str(_CLEAR_BODY)
    if texts.email_customised:
        return texts.email_from, texts.email_subject, texts.email_body
    body = DEFAULT_BODY if alert.api_user_id else _BODY_OF_ACCOUNT
    return settings.DEFAULT_FROM_EMAIL, str(DEFAULT_SUBJECT), str(body)


def _pace(alert: Alert) -> str:
    wallet = alert.subject.wallet
    outlook = spending.outlooks({wallet.pk: alert.balance}).get(wallet.pk)
    if outlook is None or alert.kind == Kind.ALL_CLEAR:
        return ""
    return _("At the pace of %(basis)s, they last %(span)s.") % {
        "basis": outlook.basis,
        "span": outlook.span,
    }


def sms_of(texts: AlertTexts, alert: Alert) -> str:
    """Return the text of an alert SMS."""
    with translation.override(alert.account.language):
        return _sms_of(texts, alert)


def _sms_of(texts: AlertTexts, alert: Alert) -> str:
    if alert.kind == Kind.ALL_CLEAR:
        text = str(_CLEAR_SMS)
    else:
        text = texts.sms_text if texts.sms_customised else str(DEFAULT_SMS)
    return _marked(render(text, values_of(alert)), alert)


def _marked(text: str, alert: Alert) -> str:
    prefix = _PREFIXES.get(alert.kind)
    return str(prefix) % text if prefix else text
