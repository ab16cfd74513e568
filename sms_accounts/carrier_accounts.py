"""Carriers as staff set them up: which takes the messages, and what each is told."""

from datetime import timedelta
from typing import cast

from sms_accounts import carriers, sealing
from sms_accounts.models import SmppCarrier
from sms_accounts.models import carrier_codes as codes


def get(name: str) -> carriers.Carrier:
    """Return the carrier of this name, which understands its reports; raises UnknownCarrier.

    One that has a process of its own hands nothing over here.
    """
    try:
        return carriers.get(name)
    except carriers.UnknownCarrier:
        row = SmppCarrier.objects.filter(name=name).first()
        if row is None:
            raise
        return carriers.Smpp(options_of(row))


def default_name() -> str:
    """Return the carrier with a process of its own that takes all messages, or an empty text."""
    return SmppCarrier.objects.filter(is_default=True).values_list("name", flat=True).first() or ""


def binding_options_of(row: SmppCarrier) -> carriers.SmppOptions:
    """Return all that a bind needs; raises sealing.Unreadable where the password cannot be had."""
    return options_of(row, password=sealing.unseal(row.password_sealed))


def options_of(row: SmppCarrier, *, password: str = "") -> carriers.SmppOptions:
    """Return what staff have set of a carrier, as the carrier's module wants it."""
    kind = carriers.SmppKind
    return carriers.SmppOptions(
        name=row.name,
        host=row.host,
        port=row.port,
        system_id=row.system_id,
        password=password,
        system_type=row.system_type,
        is_split=row.bind == SmppCarrier.Bind.SPLIT,
        binds=row.binds,
        uses_tls=row.uses_tls,
        certificates=row.certificates,
        window=row.window,
        rate=row.rate,
        answer_within=timedelta(seconds=row.answer_seconds),
        enquire_every=timedelta(seconds=row.enquire_seconds),
        service_type=row.service_type,
        alphanumeric=kind(ton=row.alphanumeric_ton, npi=row.alphanumeric_npi),
        short=kind(ton=row.short_ton, npi=row.short_npi),
        international=kind(ton=row.international_ton, npi=row.international_npi),
        receiver=kind(ton=row.receiver_ton, npi=row.receiver_npi),
        longest_short=row.longest_short,
        coding_gsm7=row.coding_gsm7,
        coding_ucs2=row.coding_ucs2,
        class_in_coding=row.class_by == SmppCarrier.ClassBy.CODING,
        joining=cast(carriers.SmppJoining, row.joining),
        validity=timedelta(hours=row.validity_hours) if row.validity_hours else None,
        intermediate=row.intermediate,
        keeps_reference=row.keeps_reference,
        ids_in_answers=cast(carriers.SmppIds, row.ids_in_answers),
        ids_in_receipts=cast(carriers.SmppIds, row.ids_in_receipts),
        err_codes=codes.err_codes(row.err_codes),
        statuses=codes.statuses(row.statuses),
    )
