"""Answers the calls of http2sms that memory alone can judge, without a thread for each of them.

It only ever says yes. Whatever it is not sure of, each refusal included, it leaves to the Django
view, which asks the database; and what it says yes to is stored only if the database still holds
what that was judged by.
"""

import asyncio

from django.core.exceptions import SynchronousOnlyOperation
from django.db import InterfaceError, OperationalError

from sms_accounts import address_uses, credentials, orders, price_list, submission
from sms_accounts.credentials import SignedIn
from sms_accounts.endpoints.client_address import address_and_text_of
from sms_accounts.endpoints.http2sms_answers import FORMATS, Answer, NotSent, headers
from sms_accounts.endpoints.http2sms_log import note, without_database
from sms_accounts.endpoints.http2sms_orders import (
    REFUSALS,
    accepted,
    claim_of,
    not_sent,
    order_of,
    refuses_method,
    understood,
)
from sms_accounts.endpoints.http2sms_request import Said, said_plainly
from sms_accounts.group_commit import Outbox
from sms_accounts.models.api_user import Address
from sms_accounts.tasks import delivery_bell

Response = tuple[int, dict[str, str], bytes]


class AtOnce:
    """The quick way of one event loop."""

    def __init__(self) -> None:
        self._outbox = Outbox(asyncio.get_running_loop())

    async def answer(
        self, *, query: bytes, form: bytes, authorization: str, peer: str, forwarded_for: str
    ) -> Response | None:
        """Return status, headers and content; None where the ordinary way is to be taken."""
        said = said_plainly(query, form=form, authorization=authorization)
        address, written = address_and_text_of(peer, forwarded_for)
        judged = _judged(said, address, written)
        if judged is None:
            return None
        signed_in, priced = judged
        answer: Answer
        try:
            answer = accepted(await submission.submit_from(priced, self._outbox))
        except submission.Outdated:
            return None
        except REFUSALS as refusal:
            answer = not_sent(refusal)
        except (OperationalError, InterfaceError) as away:
            answer = without_database(away)
        else:
            delivery_bell.ring()
        address_uses.note_soon(signed_in, written, method=said.method)
        note(answer, said, address, signed_in.user)
        content_type = said.format
        text = FORMATS[content_type](answer)
        return answer.http_status, headers(answer, content_type), text.encode()


def _judged(said: Said, address: Address, written: str) -> tuple[SignedIn, orders.Priced] | None:
    """Return who sends and what, where nothing speaks against it and nobody is to be asked."""
    signed_in = credentials.remembered(claim_of(said, address))
    if signed_in is None or said["idempotencyKey"]:
        return None
    user = signed_in.user
    if not user.allows(address) or refuses_method(user, said) or not price_list.is_fresh():
        return None
    try:
        order = order_of(said, understood(said), user, written, judged_by=signed_in.caller)
        return signed_in, orders.priced(order)
    except (NotSent, orders.Refused, SynchronousOnlyOperation):
        # The last: the rates have grown too old since, and an event loop waits for no query.
        return None
