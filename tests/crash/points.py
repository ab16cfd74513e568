"""The moments at which a test kills the program, each named by what it does and the side of it."""

import importlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper.commit"


@dataclass(frozen=True, kw_only=True)
class Point:
    """Before or after a call of a function, `within` another one where that is given.

    `repeats` says what a receiver may get twice, since nobody can know that it got it before.
    `recurs_for` are the orders in which such a call comes several times: those die at the second.
    """

    name: str
    step: str
    side: Literal["before", "after"]
    call: str
    within: str = ""
    nth: int = 1
    repeats: Literal["", "callback", "mail"] = ""
    recurs_for: tuple[str, ...] = ()


def _commit(name: str, step: str, function: str, **given: Any) -> list[Point]:
    """Both sides of the commit of a function that is one transaction."""
    before = Point(
        name=f"{name}: before the commit",
        step=step,
        side="before",
        call=COMMIT,
        within=function,
        **given,
    )
    after = Point(
        name=f"{name}: after the commit",
        step=step,
        side="after",
        call=COMMIT,
        within=function,
        **given,
    )
    return [before, after]


def _around(name: str, step: str, function: str, **given: Any) -> list[Point]:
    """Both sides of a function that is one statement, which the database commits by itself."""
    return [
        Point(name=f"{name}: before the commit", step=step, side="before", call=function, **given),
        Point(name=f"{name}: after the commit", step=step, side="after", call=function, **given),
    ]


SUBMIT = "sms_accounts.carriers.simulator:Simulator.submit"
CALL = "sms_accounts.callbacks:_call"
MAIL = "django.core.mail:EmailMessage.send"
DATA = "smtplib:SMTP.data"

POINTS = (
    *_commit("submission.store", "submit", "sms_accounts.submission:_Round.store"),
    Point(
        name="http2sms.answer: before the write",
        step="submit",
        side="after",
        call="sms_accounts.tasks:Bell.ring",
    ),
    *_commit("delivery.queue_scheduled", "deliver", "sms_accounts.delivery:_queue_some"),
    *_commit("delivery.claim", "deliver", "sms_accounts.delivery:_claim"),
    Point(
        name="carrier.submit: before the write",
        step="deliver",
        side="before",
        call=SUBMIT,
        recurs_for=("of many parts", "to many receivers"),
    ),
    Point(
        name="carrier.submit: after the write, before the answer",
        step="deliver",
        side="before",
        call="sms_accounts.http_wire:Reader.feed",
        within=SUBMIT,
        recurs_for=("of many parts", "to many receivers"),
    ),
    Point(
        name="carrier.submit: after the answer",
        step="deliver",
        side="after",
        call=SUBMIT,
        recurs_for=("of many parts", "to many receivers"),
    ),
    *_commit(
        "delivery.record",
        "deliver",
        "sms_accounts.recording:record_together",
        recurs_for=("to many receivers",),
    ),
    *_around("dlr.store", "dlr", "sms_accounts.reports:store_post"),
    *_commit("dlr.read", "read", "sms_accounts.reports:_read_next_posts"),
    *_commit(
        "dlr.apply",
        "read",
        "sms_accounts.reports:apply",
        recurs_for=("of many parts",),
    ),
    *_commit("callback.claim", "call", "sms_accounts.callbacks:_claim"),
    Point(
        name="callback.call: before the write",
        step="call",
        side="before",
        call="sms_accounts.outbound:_exchange",
        within=CALL,
        repeats="callback",
        recurs_for=("to many receivers",),
    ),
    Point(
        name="callback.call: after the write, before the answer",
        step="call",
        side="before",
        call="sms_accounts.http_wire:Reader.feed",
        within=CALL,
        repeats="callback",
        recurs_for=("to many receivers",),
    ),
    Point(
        name="callback.call: after the answer",
        step="call",
        side="after",
        call=CALL,
        repeats="callback",
        recurs_for=("to many receivers",),
    ),
    *_commit(
        "callback.record",
        "call",
        "sms_accounts.callback_results:_record",
        repeats="callback",
        recurs_for=("to many receivers",),
    ),
    *_commit("alert.claim", "alert", "sms_accounts.alerts:_claim"),
    Point(name="alert.mail: before the write", step="alert", side="before", call=MAIL),
    Point(
        name="alert.mail: after the write, before the answer",
        step="alert",
        side="before",
        call="smtplib:SMTP.getreply",
        within=DATA,
        # The first reply asks for the mail, the second says that the server has it.
        nth=2,
        repeats="mail",
    ),
    Point(
        name="alert.mail: after the answer", step="alert", side="after", call=MAIL, repeats="mail"
    ),
    Point(
        name="alert.record: before the commit",
        step="alert",
        side="before",
        call="sms_accounts.alerts:_end",
        repeats="mail",
    ),
    Point(
        name="alert.record: after the commit",
        step="alert",
        side="after",
        call="sms_accounts.alerts:_end",
    ),
    *_commit("alert.sms", "alert", "sms_accounts.alerts:_send_sms"),
)
# What ends or moves a message by itself: with no order on the way that comes through all of them.
ENDINGS = (
    *_commit("unresolved.note", "deliver", "sms_accounts.unresolved:note_abandoned"),
    *_commit("unresolved.decide", "deliver", "sms_accounts.unresolved:decide_due"),
    *_commit("cancellation.cancel", "cancel", "sms_accounts.cancellation:cancel"),
    *_commit("validity.end", "sweep", "sms_accounts.validity:_end"),
)
# What phones send: no order of ours is on the way then.
RECEIVING = (
    *_around("reply.store", "reply", "sms_accounts.received_posts:store"),
    *_commit("reply.read", "receive", "sms_accounts.receiving:_read_next"),
)
ALL = (*POINTS, *ENDINGS, *RECEIVING)
BY_NAME = {point.name: point for point in ALL}


def arm(point: Point, *, nth: int) -> None:
    """Let this process kill itself with SIGKILL at the point: nothing is said or cleared up."""
    inside = threading.local()
    count = iter(range(1, nth + 1))
    turn = threading.Lock()

    def is_reached() -> bool:
        if point.within and not getattr(inside, "depth", 0):
            return False
        with turn:
            return next(count, 0) == nth

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def die_there(*given: Any, **named: Any) -> Any:
            if point.side == "before" and is_reached():
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return function(*given, **named)
            finally:
                # A refusal is an answer too.
                if point.side == "after" and is_reached():
                    os.kill(os.getpid(), signal.SIGKILL)

        return die_there

    def entered(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*given: Any, **named: Any) -> Any:
            inside.depth = getattr(inside, "depth", 0) + 1
            try:
                return function(*given, **named)
            finally:
                inside.depth -= 1

        return run

    _wrap(point.call, dying)
    if point.within:
        _wrap(point.within, entered)


def _wrap(path: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    module, _, qualified = path.partition(":")
    *owners, name = qualified.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, name, wrapper(getattr(owner, name)))
