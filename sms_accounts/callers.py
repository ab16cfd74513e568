"""Remembers, in this process, the API users that call, with what their calls are judged by.

What is remembered may have changed since, here or on another machine, and is therefore used in
one direction only: nobody is refused by it, and an order that was judged by it is stored only if
the database still holds the same revisions (`submission` asks, in the transaction that stores).
So a disabled user, a changed password, a removed address or sender count at once, everywhere.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from sms_accounts.models import ApiUser, Sender

MOST_REMEMBERED = 20_000


@dataclass(frozen=True)
class Caller:
    """An API user with its account, and the enabled senders that it may show.

    `revisions` are those of user and account; `reply_sender` and `default_sender` are empty
    where there is none.
    """

    user: ApiUser
    senders: frozenset[str]
    reply_sender: str
    default_sender: str
    revisions: tuple[int, int]


_callers: OrderedDict[tuple[str, str], Caller] = OrderedDict()
_lock = threading.Lock()


def remembered(account: str, login: str) -> Caller | None:
    """Return what is remembered of a user, which may be out of date."""
    return _callers.get((account, login))


def read(account: str, login: str) -> ApiUser | None:
    """Return a user that is not deleted, with its account, as the database has them."""
    # PostgreSQL cannot even be asked for a NUL; nobody has an empty login.
    asked = "" if "\0" in login else login
    return (
        ApiUser.objects.present()
        .select_related("account")
        .filter(account__name=account, login=asked)
        .first()
    )


def remember(user: ApiUser) -> Caller:
    """Return a user that was just read, with what else its calls are judged by."""
    # Asked after the user and its account: what changes meanwhile makes their revisions too old.
    senders = list(
        Sender.objects.enabled_for(user.account, user)
        .order_by("pk")
        .values_list("pk", "name", "takes_replies")
    )
    caller = Caller(
        user=user,
        senders=frozenset(name for _pk, name, _takes_replies in senders),
        reply_sender=next((name for _pk, name, takes_replies in senders if takes_replies), ""),
        default_sender=next(
            (name for pk, name, _takes_replies in senders if pk == user.account.default_sender_id),
            "",
        ),
        revisions=(user.revision, user.account.revision),
    )
    key = (user.account.name, user.login)
    with _lock:
        _callers[key] = caller
        _callers.move_to_end(key)
        while len(_callers) > MOST_REMEMBERED:
            _callers.popitem(last=False)
    return caller


def forget_all() -> None:
    """Forget every caller of this process (tests begin with that)."""
    with _lock:
        _callers.clear()
