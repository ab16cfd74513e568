"""Replies of phones, as carriers hand them over, read here."""

import json

from sms_accounts import received_posts, receiving
from sms_accounts.carriers.smpp.phones import _HAS_HEADER
from sms_accounts.models import Message, Received, Sender, State
from tests.factories import MSISDN, make_account, make_api_user, make_message, make_smpp_carrier
from tests.smpp.test_phones import from_phone

# A number of an account that phones can answer.
NUMBER = "33639989999"


def make_number(account, name=NUMBER, **given):
    """A sender that takes replies."""
    return Sender.objects.create(
        account=account,
        name=name,
        **{"status": Sender.Status.ENABLED, "takes_replies": True, **given},
    )


def make_user(*, credits=200, language="en", **given):
    """An API user of an account whose number phones can answer."""
    account = make_account(credits=credits, language=language)
    make_number(account)
    return make_api_user(account=account, **given)


def make_sent(user, *, msisdn=MSISDN, sender=NUMBER, **given):
    """A message that reached a phone."""
    message = make_message(user=user, msisdn=msisdn, **given)
    message.submission.sender = sender
    message.submission.save(update_fields=["sender"])
    Message.objects.filter(pk=message.pk).update(
        state=State.DELIVERED, submitted_at=message.submission.created_at
    )
    return message


def came(text="Hello", *, sender=MSISDN, receiver=NUMBER, carrier_id="", read=True):
    """Let the simulated carrier hand over what a phone sent; return the latest reply."""
    values = {"from": sender, "to": receiver, "text": text, "id": carrier_id}
    received_posts.store("simulator", [json.dumps(values).encode()], "application/json")
    if read:
        receiving.read_received()
    return Received.objects.order_by("-pk").first()


def part(number, octets, *, total=2, reference=7, data_coding=0):
    """One part of a longer text of a phone, as an SMSC hands it over."""
    header = bytes((5, 0, 3, reference, total, number))
    return from_phone(header + octets, esm_class=_HAS_HEADER, data_coding=data_coding)


def came_by_smpp(*bodies):
    make_smpp_carrier()
    for body in bodies:
        received_posts.store("acme", [body], "application/smpp")
        receiving.read_received()
