"""Alerts on their way to people: the texts, and each notification by email or SMS."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import accounts, ledger, orders, submission
from sms_accounts.models import (
    AlertTexts,
    Membership,
    Notification,
    Submission,
    User,
)

log = structlog.get_logger(__name__)

CLAIM = timedelta(minutes=2)
# After a mail that the server did not take, the next try follows in so long.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
# One over which the program itself stumbles is given up after so many tries in all.
MOST_FAULTS = 3

# What stands for what in a text; the panel's own default texts use the same.
VARIABLES: Mapping[str, object] = {
    "|USER|": gettext_lazy("ID of the API user"),
    "|REMAINING|": gettext_lazy("credits that the API user can still spend"),
    "|ALERTTHRESHOLD|": gettext_lazy("threshold of the alert"),
    "|CREDITSLEFT|": gettext_lazy("credits left in the account"),
}
_VARIABLE = re.compile(r"\|[A-Za-z_]+\|")

DEFAULT_SUBJECT = gettext_lazy("|USER|: |REMAINING| SMS credits left")
DEFAULT_BODY = gettext_lazy(
    "Hello,\n\n"
    "the API user |USER| has |REMAINING| SMS credits left. You asked to be told at "
    "|ALERTTHRESHOLD| or below.\n\n"
    "The account itself has |CREDITSLEFT| credits left.\n\n"
    "The next alert follows only after the credits were above |ALERTTHRESHOLD| again.\n"
)
DEFAULT_SMS = gettext_lazy("|USER|: |REMAINING| SMS credits left, alert at |ALERTTHRESHOLD|")


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the variables of a text stand for, as they are written."""

    user: str
    remaining: str
    threshold: str
    credits_left: str


@dataclass(frozen=True)
class Mail:
    """An alert mail as it goes out."""

    sender: str
    subject: str
    body: str


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
    }
    return _VARIABLE.sub(lambda found: given.get(found[0], found[0]), text)


def render_email(texts: AlertTexts, values: Values) -> Mail:
    """Return the mail of an alert: the holder's words, or ours where those are switched off."""
    if texts.email_customised:
        return Mail(
            texts.email_from, render(texts.email_subject, values), render(texts.email_body, values)
        )
    return Mail(
        settings.DEFAULT_FROM_EMAIL,
        render(str(DEFAULT_SUBJECT), values),
        render(str(DEFAULT_BODY), values),
    )


def render_sms(texts: AlertTexts, values: Values) -> str:
    """Return the text of an alert SMS."""
    return render(texts.sms_text if texts.sms_customised else str(DEFAULT_SMS), values)


def alert_due() -> int:
    """Send the notifications that are due; return how many were attempted.

    Each is a row of its own: an email that fails does not hold up the SMS, nor the reverse.
    """
    attempted = 0
    while (notification := _claim()) is not None:
        try:
            if notification.channel == Notification.Channel.SMS:
                _send_sms(notification)
            else:
                _send_email(notification)
        except OperationalError:
            # The database is at fault: it is sent again when its claim ends.
            raise
        except Exception as fault:
            # Logged and counted as a try; the next one goes on.
            log.exception("alert_failed", notification=notification.pk)
            _put_back_or_park(notification, type(fault).__name__)
        attempted += 1
    return attempted


def _claim() -> Notification | None:
    now = timezone.now()
    with transaction.atomic():
        notification = (
            Notification.objects.due(now)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("alert__account__wallet", "alert__api_user")
            .first()
        )
        if notification is not None:
            Notification.objects.filter(pk=notification.pk).update(claimed_until=now + CLAIM)
    return notification


def values_of(notification: Notification) -> Values:
    """Return what the variables stand for in one notification.

    What is left and the threshold are those of the crossing; the account's credits are today's.
    """
    alert = notification.alert
    return Values(
        user=str(alert.subject),
        remaining=f"{alert.balance}",
        threshold=f"{alert.threshold}",
        credits_left=f"{alert.account.wallet.credits}",
    )


def _send_email(notification: Notification) -> None:
    account = notification.alert.account
    mail = render_email(accounts.alert_texts(account), values_of(notification))
    host = urlsplit(settings.PANEL_URL).hostname
    message = EmailMessage(
        # A header has one line, whatever the values hold.
        subject=" ".join(mail.subject.split()),
        body=mail.body,
        from_email=mail.sender,
        to=[notification.address],
        headers={
            # The same at a second try: a mail that went out twice shows once.
            "Message-ID": f"<alert-{notification.alert_id}-{notification.pk}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    try:
        message.send()
    except (SMTPException, OSError, ValueError) as failed:
        _put_back(notification, str(failed))
        return
    _end(notification, Notification.State.DONE, note=_("Taken by the mail server"))


def _put_back_or_park(notification: Notification, fault: str) -> None:
    """Try again what the program stumbled over, a few times; an email takes the SMS's place."""
    problem = _("The panel could not send this (%s).") % fault
    if notification.tries + 1 < MOST_FAULTS:
        _put_back(notification, problem)
    elif notification.channel == Notification.Channel.SMS:
        _email_instead(notification, problem)
    else:
        _end(notification, Notification.State.GIVEN_UP, note=problem)


def release(notification_ids: Iterable[int], *, by: User) -> int:
    """Let notifications that were given up be sent, from the first try; return how many."""
    given_up = Notification.objects.filter(
        pk__in=list(notification_ids), state=Notification.State.GIVEN_UP
    )
    released = given_up.update(
        state=Notification.State.WAITING, tries=0, done_at=None, due_at=timezone.now()
    )
    log.info("notifications_released", notifications=released, by=by.pk)
    return released


def _put_back(notification: Notification, problem: str) -> None:
    log.warning("alert_put_back", notification=notification.pk, problem=problem[:200])
    if notification.tries >= len(WAITS):
        _end(notification, Notification.State.GIVEN_UP, note=problem)
        return
    Notification.objects.filter(pk=notification.pk).update(
        tries=notification.tries + 1,
        claimed_until=None,
        due_at=timezone.now() + WAITS[notification.tries],
        note=problem[:200],
    )


def _send_sms(notification: Notification) -> None:
    """Hand the SMS to the ordinary path, and end the notification, in one transaction."""
    alert = notification.alert
    order = orders.Order(
        account=alert.account,
        api_user=None,
        channel=Submission.Channel.ALERT,
        sender=settings.ALERT_SENDER,
        receivers=[notification.address],
        text=render_sms(accounts.alert_texts(alert.account), values_of(notification)),
        silent_for=alert,
    )
    try:
        with transaction.atomic():
            still_open = (
                Notification.objects.select_for_update(no_key=True)
                .filter(pk=notification.pk, state=Notification.State.WAITING)
                .exists()
            )
            if not still_open:
                return
            receipt = submission.submit(order)
            _end(
                notification,
                Notification.State.DONE,
                note=_("Message %(id)s") % {"id": receipt.message_ids[0]},
                submission=receipt.submission,
            )
    except ledger.InsufficientCredits:
        _email_instead(notification, _("The account's credits could not pay this SMS."))
    except orders.Refused as refused:
        _email_instead(notification, _("This SMS could not be sent: %s") % refused)


@transaction.atomic
def _email_instead(notification: Notification, problem: str) -> None:
    """End an SMS that cannot go out, and see to it that an email does."""
    alert = notification.alert
    owner = Membership.objects.filter(account=alert.account, role=Membership.Role.OWNER)
    address = (
        alert.subject.alert_email
        or owner.order_by("pk").values_list("user__email", flat=True).first()
    )
    if address:
        Notification.objects.get_or_create(
            alert=alert,
            channel=Notification.Channel.EMAIL,
            defaults={"address": address, "due_at": timezone.now(), "note": problem[:200]},
        )
        problem = _("%(problem)s The email goes to %(address)s.") % {
            "problem": problem,
            "address": address,
        }
    _end(notification, Notification.State.GIVEN_UP, note=problem)


def _end(
    notification: Notification,
    state: Notification.State,
    *,
    note: str,
    submission: Submission | None = None,
) -> None:
    Notification.objects.filter(pk=notification.pk).update(
        state=state,
        done_at=timezone.now(),
        claimed_until=None,
        note=note[:200],
        submission=submission,
    )
