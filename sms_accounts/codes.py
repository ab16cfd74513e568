"""The two code tables that customers read: ptt, why a message is where it is, and DLR ids."""

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext_noop as _

Duration = Literal["permanent", "temporary", "indeterminated", ""]


@dataclass(frozen=True)
class Ptt:
    """What one ptt code says; `duration` tells whether a later message may fare better."""

    description: str
    is_final: bool
    duration: Duration


PTTS: dict[int, Ptt] = {
    1: Ptt(_("Trouble on the phone's side, being retried"), False, "temporary"),
    2: Ptt(_("Trouble on the operator's side, being retried"), False, "temporary"),
    3: Ptt(_("Accepted by the operator"), False, ""),
    4: Ptt(_("Delivered"), True, ""),
    5: Ptt(_("Not delivered, no detail known"), True, "indeterminated"),
    6: Ptt(_("The operator never said what became of it"), True, "indeterminated"),
    8: Ptt(_("Expired at the operator, no reason given"), True, "temporary"),
    20: Ptt(_("Cannot be delivered in its present form"), True, "permanent"),
    21: Ptt(_("The subscriber had no credit until it expired"), True, "temporary"),
    23: Ptt(_("Wrong, blacklisted or barred number: do not use it again"), True, "permanent"),
    24: Ptt(_("The subscriber was absent: switched off or not located"), True, "temporary"),
    25: Ptt(_("Temporary fault in the operator's network"), True, "temporary"),
    26: Ptt(_("Temporary fault of the phone: memory or SIM full, or busy"), True, "temporary"),
    27: Ptt(_("The phone can never take this kind of message"), True, "permanent"),
    28: Ptt(_("Suspected spam, or a mandatory earlier message is missing"), True, "permanent"),
    29: Ptt(_("Content not allowed on this network or short code"), True, "permanent"),
    33: Ptt(_("Adult content, stopped by parental lock"), True, "permanent"),
    39: Ptt(_("New failure of the operator"), True, "indeterminated"),
    73: Ptt(_("Ported number, the combination cannot be reached"), True, "permanent"),
    74: Ptt(_("The subscriber is roaming"), True, "temporary"),
    76: Ptt(_("Ported number, the combination is blocked for this client"), True, "permanent"),
    202: Ptt(
        _("Ported number, the combination is blocked for this client; contact support"),
        True,
        "permanent",
    ),
}

# What whoever sends can do about a code; nothing where there is nothing to be done.
ADVICE: dict[int, str] = {
    1: _("Wait: the operator tries again until the message expires."),
    2: _("Wait: the operator tries again until the message expires."),
    3: _("Wait for the next report."),
    5: _("Send it once more later; if that fails too, ask the subscriber or support."),
    6: _("Do not resend blindly: it may have arrived. Ask the subscriber where it matters."),
    8: _("Send it again later."),
    20: _("Change the text or the sender, then send it again."),
    21: _("Send it again in some days."),
    23: _("Remove the number from your list."),
    24: _("Send it again when the phone is likely to be on."),
    25: _("Send it again later."),
    26: _("Send it again later; a long text in fewer parts."),
    27: _("Send an ordinary text without a message class, or use another way."),
    28: _("Ask support which consent or first message is missing; do not resend."),
    29: _("Change the text, or ask support which content is allowed."),
    33: _("Do not resend: the subscriber has blocked such content."),
    39: _("Send it once more later; if that fails too, tell support."),
    73: _("Check the number with the subscriber."),
    74: _("Send it again when the subscriber is back."),
    76: _("Ask support to open this combination of operators."),
    202: _("Contact support."),
}

PENDING, SUCCESS, FAILED, WAITING, BUFFERED, NOT_BILLED = 0, 1, 2, 4, 8, 16

DLR_TEXTS: dict[int, str] = {
    PENDING: _("Creating or pending"),
    SUCCESS: _("Success"),
    FAILED: _("Failed"),
    WAITING: _("Waiting"),
    BUFFERED: _("Buffered"),
    NOT_BILLED: _("Error, not billed"),
}

DLR_MEANINGS: dict[int, str] = {
    PENDING: _("Here, not yet handed to the operator: scheduled, queued or being submitted"),
    SUCCESS: _("Delivered to the phone"),
    FAILED: _("Ended without delivery; it was billed, since the operator tried"),
    WAITING: _("At the operator, where trouble is being retried (ptt 1 or 2)"),
    BUFFERED: _("At the operator, on its way to the phone"),
    NOT_BILLED: _("Refused or cancelled; the credits went back to the purse that paid"),
}

_DLR_ID_OF_STATE = {
    "scheduled": PENDING,
    "queued": PENDING,
    "submitting": PENDING,
    "delivered": SUCCESS,
    "expired": FAILED,
    "undeliverable": FAILED,
    "unknown": FAILED,
    "rejected": NOT_BILLED,
    "cancelled": NOT_BILLED,
}


def dlr_id(state: str, ptt: int | None) -> int:
    """Return the DLR id of a message in a state.

    On its way it is buffered at the operator (8), or waiting there while trouble is being
    retried (4, ptt 1 and 2): the mask values that gateways have used for these two since
    Kannel.
    """
    if state == "enroute":
        return WAITING if ptt in (1, 2) else BUFFERED
    return _DLR_ID_OF_STATE[state]
