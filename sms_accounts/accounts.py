"""What happens to an account as a whole: it is opened, gets holders, credits, senders and texts."""

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from sms_accounts import activity, callback_settings, ledger, limits
from sms_accounts.models import (
    Account,
    Activity,
    AlertTexts,
    Membership,
    ReplySettings,
    Sender,
    User,
    Wallet,
)
from sms_accounts.senders import enable_sender


def open_account(
    name: str,
    *,
    owner: User,
    by: User | None,
    credits: Decimal = Decimal(0),
    senders: tuple[str, ...] = (),
    description: str = "",
    time_zone: str = "",
    language: str = Account.Language.ENGLISH,
) -> Account:
    """Make an account with its purse, owner, first credits and enabled senders, or nothing.

    Raises ValidationError where the name or a sender is not acceptable or the name is taken.
    """
    with transaction.atomic():
        account = Account(
            name=name,
            description=description,
            wallet=Wallet.objects.create(),
            time_zone=time_zone or settings.TIME_ZONE,
            language=language,
        )
        account.full_clean()
        account.save()
        Membership.objects.create(account=account, user=owner, role=Membership.Role.OWNER)
        activity.record(by, "account opened", account, after={"owner": owner.email})
        if credits:
            ledger.top_up(account, credits, by=by, reason="Opening credits")
        for sender in senders:
            enable_sender(account, sender, by=by)
    return account


class SentBefore(Exception):
    """This very order came before and was carried out; nothing was moved a second time."""


def transfer(
    giver: Account,
    receiver: Account,
    credits: Decimal,
    *,
    by: User | None,
    reason: str = "",
    order: str = "",
) -> Decimal:
    """Move credits to another account of the same holder; return what the giver holds then.

    Raises ledger.AnotherHolder and ledger.InsufficientCredits, and SentBefore where an order of
    that name was carried out: somebody has clicked twice.
    """
    with transaction.atomic():
        if order:
            # Of two at once the second waits here, and then finds what the first has recorded.
            Account.objects.select_for_update(of=("self",), no_key=True).get(pk=giver.pk)
            if Activity.objects.filter(
                account=giver, action="credits transferred", after__order=order
            ).exists():
                raise SentBefore
        left = ledger.transfer(giver, receiver, credits, by=by, reason=reason)
        told = {"credits": str(credits), "reason": reason}
        ordered = {"order": order} if order else {}
        activity.record(
            by, "credits transferred", giver, after={**told, "to": receiver.name, **ordered}
        )
        activity.record(by, "credits received", receiver, after={**told, "from": giver.name})
    return left


def set_limit(account: Account, limit: limits.Limit, *, by: User | None) -> bool:
    """Store when and whom to alert about the account's own credits; say whether it differs."""
    with transaction.atomic():
        return limits.store(_locked(account), limit, by=by)


def set_callback(
    account: Account,
    url: str,
    *,
    method: str | None = None,
    replies_url: str | None = None,
    by: User | None,
) -> bool:
    """Store the URL that hears of every user's messages, or none, and how it is called.

    `replies_url` is the one that hears of replies, where that is given.
    """
    with transaction.atomic():
        locked = _locked(account)
        changed = callback_settings.store(locked, url, method=method, by=by)
        if replies_url is not None:
            changed |= callback_settings.store_for_replies(locked, replies_url, by=by)
    return changed


def answers_stop(account: Account) -> bool:
    """Return whether a phone that sends STOP to an account is answered."""
    found = ReplySettings.objects.filter(account=account).values_list("answers_stop", flat=True)
    first = found.first()
    return True if first is None else first


def set_answers_stop(account: Account, answers: bool, *, by: User | None) -> bool:
    """Say whether a phone that sends STOP or START is answered; return whether that differs."""
    with transaction.atomic():
        before = answers_stop(_locked(account))
        if before == answers:
            return False
        ReplySettings.objects.update_or_create(account=account, defaults={"answers_stop": answers})
        activity.record(
            by,
            "answers to STOP changed",
            account,
            before={"enabled": before},
            after={"enabled": answers},
        )
    return True


def change(account: Account, fields: Mapping[str, object], *, by: User | None) -> bool:
    """Store fields of an account that a form has checked; return whether any differs."""
    with transaction.atomic():
        locked = _locked(account)
        before = {name: getattr(locked, name) for name in fields}
        changed = [name for name, value in fields.items() if before[name] != value]
        if not changed:
            return False
        for name in changed:
            setattr(locked, name, fields[name])
        locked.save(update_fields=changed)
        activity.record(
            by,
            "account changed",
            account,
            before={name: _told(before[name]) for name in changed},
            after={name: _told(fields[name]) for name in changed},
        )
    return True


def _locked(account: Account) -> Account:
    return Account.objects.select_for_update(of=("self",), no_key=True).get(pk=account.pk)


def _told(value: object) -> object:
    """Return a value as the log of changes has it."""
    return value.name if isinstance(value, Sender) else value


def set_reserve(account: Account, reserve: Decimal, *, by: User | None) -> bool:
    """Hold back so many credits for alerts alone; return whether it differs from before."""
    with transaction.atomic():
        before = ledger.set_reserve(account, reserve)
        if before == reserve:
            return False
        activity.record(
            by,
            "reserve changed",
            account,
            before={"credits": str(before)},
            after={"credits": str(reserve)},
        )
    return True


def alert_texts(account: Account) -> AlertTexts:
    """Return the alert texts of an account; an unsaved row where none were ever set."""
    return AlertTexts.objects.filter(account=account).first() or AlertTexts(account=account)


def set_alert_texts(account: Account, texts: Mapping[str, object], *, by: User | None) -> bool:
    """Store the alert texts of an account; return whether anything changed.

    `texts` are checked fields of AlertTexts.
    """
    with transaction.atomic():
        before = alert_texts(account)
        changed = {name: value for name, value in texts.items() if getattr(before, name) != value}
        if not changed:
            return False
        AlertTexts.objects.update_or_create(account=account, defaults=dict(texts))
        activity.record(
            by,
            "alert texts changed",
            account,
            before={name: getattr(before, name) for name in changed},
            after=changed,
        )
    return True
