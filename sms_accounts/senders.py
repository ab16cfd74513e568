"""What happens to senders: asked for, approved, refused, removed, for all API users or for some.

Holders hear by mail what staff decided: rows that are stored with the decision and sent later.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from sms_accounts import activity, mail_outbox
from sms_accounts.models import Account, ApiUser, Membership, Sender, SenderNotice, User

Status = Sender.Status

# Staff look at each of them.
MOST_WAITING = 20


class AlreadyThere(Exception):
    """The account has this sender, or has asked for it; nothing was changed."""


class TooManyWaiting(Exception):
    """So many senders of the account wait for staff that no other one may be asked for."""


def ask(account: Account, name: str, *, description: str, reason: str, by: User | None) -> Sender:
    """Ask staff for a sender; one that they refused is asked for anew.

    `name` is checked. Raises AlreadyThere or TooManyWaiting.
    """
    asked: dict[str, Any] = {"description": description, "reason": reason, "asked_by": by}
    with transaction.atomic():
        # One after the other: each sees how many wait.
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        if Sender.objects.filter(account=account, status=Status.WAITING).count() >= MOST_WAITING:
            raise TooManyWaiting
        refused = Sender.objects.filter(account=account, name=name, status=Status.REFUSED)
        asked_again = refused.update(
            status=Status.WAITING, refused_because="", decided_at=None, **asked
        )
        if not asked_again:
            _add(account, name, asked)
        activity.record(
            by,
            "sender asked for",
            account,
            before={"status": str(Status.REFUSED)} if asked_again else {},
            after={"sender": name, "description": description, "reason": reason},
        )
    return Sender.objects.get(account=account, name=name)


def _add(account: Account, name: str, asked: Mapping[str, Any]) -> None:
    try:
        with transaction.atomic():
            Sender.objects.create(account=account, name=name, **asked)
    except IntegrityError:
        raise AlreadyThere(name) from None


def remove(sender: Sender, *, by: User | None) -> bool:
    """Take a sender away that waits or is enabled; return whether it was still so.

    What was accepted under it goes out. One that staff refused stays on record.
    """
    with transaction.atomic():
        found = _locked(sender)
        if found is None or found.status == Status.REFUSED:
            return False
        found.delete()
        action = "sender withdrawn" if found.status == Status.WAITING else "sender removed"
        before = {"sender": found.name, "status": str(found.status)}
        activity.record(by, action, found.account, before=before)
    return True


def set_users(sender: Sender, users: Collection[ApiUser] | None, *, by: User | None) -> bool:
    """Say which API users may show a sender, None for all; return whether that differs.

    It holds at the next call of each, on every machine.
    """
    wanted = set() if users is None else {user.pk for user in users}
    with transaction.atomic():
        found = _locked(sender)
        if found is None:
            return False
        before = dict(found.api_users.values_list("pk", "login"))
        if found.is_for_all == (users is None) and before.keys() == wanted:
            return False
        Sender.objects.filter(pk=found.pk).update(is_for_all=users is None)
        found.api_users.set(wanted)
        activity.record(
            by,
            "users of sender changed",
            found.account,
            before={"users": "all" if found.is_for_all else sorted(before.values())},
            after={
                "sender": found.name,
                "users": "all" if users is None else sorted(user.login for user in users),
            },
        )
    return True


def enable_sender(account: Account, name: str, *, by: User | None) -> Sender:
    """Approve a sender of an account, adding it where it is new; raises ValidationError."""
    with transaction.atomic():
        sender = Sender.objects.select_for_update().filter(account=account, name=name).first()
        is_new = sender is None
        if sender is None:
            sender = Sender(account=account, name=name)
        if not is_new and sender.status == Status.ENABLED:
            return sender
        before = None if is_new else sender.status
        sender.status = Status.ENABLED
        sender.refused_because = ""
        sender.decided_at = timezone.now()
        sender.full_clean()
        sender.save()
        activity.record(
            by,
            "sender enabled",
            account,
            before={"status": before},
            after={"sender": name, "status": str(sender.status)},
        )
        if not is_new:
            _tell_later(sender)
    return sender


def refuse(sender: Sender, because: str, *, by: User | None) -> bool:
    """Refuse a sender, and tell why; return whether that is new."""
    with transaction.atomic():
        found = _locked(sender)
        if found is None or (found.status, found.refused_because) == (Status.REFUSED, because):
            return False
        before = found.status
        found.status = Status.REFUSED
        found.refused_because = because
        found.decided_at = timezone.now()
        found.save(update_fields=["status", "refused_because", "decided_at"])
        activity.record(
            by,
            "sender refused",
            found.account,
            before={"status": before},
            after={"sender": found.name, "status": str(found.status), "because": because},
        )
        _tell_later(found)
    return True


def put_back(sender: Sender, *, by: User | None) -> None:
    """Take a decision back: the sender waits again, and can be shown by nobody meanwhile."""
    with transaction.atomic():
        found = _locked(sender)
        if found is None or found.status == Status.WAITING:
            return
        Sender.objects.filter(pk=found.pk).update(
            status=Status.WAITING, refused_because="", decided_at=None
        )
        activity.record(
            by,
            "sender waiting",
            found.account,
            before={"status": str(found.status)},
            after={"sender": found.name, "status": str(Status.WAITING)},
        )


def _locked(sender: Sender) -> Sender | None:
    rows = Sender.objects.select_for_update(of=("self",)).select_related("account")
    return rows.filter(pk=sender.pk).first()


def _tell_later(sender: Sender) -> None:
    """Store what is to be told of a decision, for each owner and manager of the account."""
    SenderNotice.objects.bulk_create(
        SenderNotice(
            account=sender.account,
            sender=sender.name,
            status=sender.status,
            refused_because=sender.refused_because,
            address=address,
            due_at=timezone.now(),
        )
        for address in Membership.objects.addresses_of(sender.account)
    )


def tell_due() -> int:
    """Mail what staff decided; return how many mails were taken."""
    return mail_outbox.tell_due(SenderNotice, _mail)


def _mail(notice: SenderNotice) -> EmailMessage:
    """Return the mail about a decision, in the account's language."""
    with translation.override(notice.account.language):
        return _composed(notice, notice.account)


def _composed(notice: SenderNotice, account: Account) -> EmailMessage:
    subject = (
        _("%(account)s: the sender %(sender)s was approved")
        if notice.status == Status.ENABLED
        else _("%(account)s: the sender %(sender)s was refused")
    )
    values = {
        "account": account,
        "notice": notice,
        "is_enabled": notice.status == Status.ENABLED,
        "page": settings.PANEL_URL + reverse("senders", args=[account.name]),
    }
    return EmailMessage(
        subject % {"account": account.name, "sender": notice.sender},
        render_to_string("email/sender.txt", values),
        settings.DEFAULT_FROM_EMAIL,
        [notice.address],
        headers={
            # The same at a second try: a mail that went out twice shows once.
            "Message-ID": f"<sender-{notice.pk}@{urlsplit(settings.PANEL_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
