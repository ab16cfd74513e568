"""What answers over HTTP have in common: who is busy, and who does not like how it is called."""

from datetime import timedelta

import structlog

from sms_accounts.carriers.base import OutcomeUnknown, TryLater
from sms_accounts.carriers.http.wire import Answer

log = structlog.get_logger(__name__)

# How long a carrier is left alone with messages that it does not want like this.
_UNTIL_CORRECTED = timedelta(minutes=1)

_BUSY = (429, 503)


def busy(answer: Answer, why: str) -> TryLater:
    """Return that nothing was taken just now, for as long as the carrier said."""
    return TryLater(f"the carrier is busy: {why}", wait=answer.retry_after)


def of_the_call(name: str, why: str) -> TryLater:
    """Return that the call was not as the carrier wants it, which is no fault of the message.

    Nothing was taken and the message must not be lost: staff have to look.
    """
    log.error("carrier_refused_the_call", carrier=name, told=why)
    return TryLater(f"the carrier refused the call: {why}", wait=_UNTIL_CORRECTED)


def by_status(name: str, answer: Answer) -> TryLater | OutcomeUnknown:
    """Return what a status says by itself, where the body says nothing that is understood.

    With 4xx the carrier refused to look at the request. After any other, a redirect and most of
    5xx included, whoever stands between us may have handed it on.
    """
    why = f"status {answer.status}"
    if answer.status in _BUSY:
        return busy(answer, why)
    if 400 <= answer.status < 500:
        return of_the_call(name, why)
    return OutcomeUnknown(f"{why}, which says nothing of the part")
