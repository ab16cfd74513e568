"""Reads what delivery left behind: outcomes, notes, callbacks, refunds, credits."""

from decimal import Decimal

from sms_accounts.models import ApiUser, Callback, LedgerEntry, Message, Wallet


def purse(user: ApiUser) -> Decimal:
    return Wallet.objects.get(pk=user.wallet_id).credits


def outcomes(message: Message) -> list[tuple[int, str]]:
    return list(message.attempts.order_by("id").values_list("part", "outcome"))


def refunds(message: Message) -> int:
    return LedgerEntry.objects.filter(message=message, kind=LedgerEntry.Kind.REFUND).count()


def told(message: Message) -> list[tuple[str, int | None]]:
    """Return state and ptt of each callback, in their order."""
    return list(Callback.objects.filter(message=message).order_by("id").values_list("state", "ptt"))


def notes(message: Message) -> list[str]:
    """Return what was noted beside the message's states."""
    return list(message.events.filter(state="").values_list("cause", flat=True))


def states_told(message: Message) -> list[str]:
    return [state for state, _ptt in told(message)]
