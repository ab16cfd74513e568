"""Carriers as staff set them up: which takes the messages, and what each is told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

from django.conf import settings

from sms_accounts import carriers, sealing
from sms_accounts.models import HttpCarrier, SmppCarrier
from sms_accounts.models import carrier_codes as codes
from sms_accounts.models import http_carrier_lines as lines


@dataclass(frozen=True, kw_only=True)
class Known:
    """A carrier that messages can go to, whatever it speaks.

    One that `has_process` is handed its messages there, the others by a worker. `told` is what was
    heard of its bind last, where it has one.
    """

    name: str
    is_enabled: bool
    is_default: bool
    has_process: bool
    window: int
    is_bound: bool = True
    told: str = ""


def every() -> list[Known]:
    """Return all carriers by name; the one of the settings takes what no other is to take."""
    known = [_known_of(row) for row in SmppCarrier.objects.all()]
    known += [_known_over_http(row) for row in HttpCarrier.objects.all()]
    simulated = Known(
        name=settings.CARRIER,
        is_enabled=True,
        is_default=not any(each.is_default for each in known),
        has_process=False,
        window=carriers.get(settings.CARRIER).window,
    )
    return sorted([*known, simulated], key=lambda each: each.name)


def default_of(known: Iterable[Known]) -> str:
    return next(each.name for each in known if each.is_default)


def _known_over_http(row: HttpCarrier) -> Known:
    return Known(
        name=row.name,
        is_enabled=row.is_enabled,
        is_default=row.is_default,
        has_process=False,
        window=carriers.over_http(http_options_of(row)).window,
    )


def _known_of(row: SmppCarrier) -> Known:
    return Known(
        name=row.name,
        is_enabled=row.is_enabled,
        is_default=row.is_default,
        has_process=True,
        window=carriers.Smpp(options_of(row)).window,
        is_bound=row.is_enabled and row.is_bound,
        told=row.bind_told,
    )


def get(name: str) -> carriers.Carrier:
    """Return the carrier of this name, which understands its reports; raises UnknownCarrier.

    One that has a process of its own hands nothing over here.
    """
    try:
        return carriers.get(name)
    except carriers.UnknownCarrier:
        if (smpp := SmppCarrier.objects.filter(name=name).first()) is not None:
            return carriers.Smpp(options_of(smpp))
        if (http := HttpCarrier.objects.filter(name=name).first()) is not None:
            return carriers.over_http(http_options_of(http))
        raise


def http_options_of(row: HttpCarrier) -> carriers.HttpOptions:
    """Return what staff have set of a carrier that is called over HTTP."""
    secret = _unsealed(row.dlr_secret_sealed) or ""
    return carriers.HttpOptions(
        name=row.name,
        url=row.url,
        dialect=_dialect_of(row),
        username=row.username,
        password=_unsealed(row.password_sealed) if row.password_sealed else "",
        dlr_secret=secret,
        dlr_url=dlr_url(row, secret),
        certificates=row.certificates,
        window=row.window,
        rate=row.rate,
        answer_within=timedelta(seconds=row.answer_seconds),
        takes_long_texts=row.takes_long_texts or row.kind == HttpCarrier.Kind.HTTP2SMS,
    )


def dlr_address_of(row: HttpCarrier) -> str:
    """Return where a carrier reports, or an empty text where its secret cannot be read."""
    secret = _unsealed(row.dlr_secret_sealed)
    return dlr_url(row, secret) if secret else ""


def received_address_of(row: HttpCarrier) -> str:
    """Return where a carrier hands over messages from phones; empty as for its reports."""
    secret = _unsealed(row.dlr_secret_sealed)
    return received_url(row, secret) if secret else ""


def dlr_url(row: HttpCarrier, secret: str) -> str:
    """Return the address under which a carrier reports, which is all that lets it in."""
    return _url(row, "dlr", secret)


def received_url(row: HttpCarrier, secret: str) -> str:
    """Return the address under which a carrier hands over messages from phones."""
    return _url(row, "received", secret)


def _url(row: HttpCarrier, endpoint: str, secret: str) -> str:
    return f"{(row.panel_url or settings.PANEL_URL).rstrip('/')}/{endpoint}/{row.name}/{secret}/"


def _unsealed(sealed: str) -> str | None:
    try:
        return sealing.unseal(sealed)
    except sealing.Unreadable:
        return None


def _dialect_of(row: HttpCarrier) -> carriers.HttpDialect:
    if row.kind == HttpCarrier.Kind.KANNEL:
        return carriers.Kannel(
            smsc=row.smsc, err_codes=tuple(codes.err_codes(row.err_codes).items())
        )
    if row.kind == HttpCarrier.Kind.HTTP2SMS:
        return carriers.Http2sms(account=row.account, knows_keys=row.knows_keys)
    answer_codes, http_statuses = lines.answer_codes(row.answer_codes)
    is_form = row.body_kind == HttpCarrier.Body.FORM
    return carriers.Generic(
        method=cast(Literal["GET", "POST"], row.method),
        headers=tuple(lines.headers(row.headers)),
        body_kind=cast(Literal["form", "json", "xml"], row.body_kind),
        fields=tuple(lines.fields(row.body)) if is_form else (),
        body="" if is_form else row.body,
        coding_gsm7=row.coding_gsm7,
        coding_ucs2=row.coding_ucs2,
        reads_json=row.reading == HttpCarrier.Reading.JSON,
        id_at=row.id_at,
        code_at=row.code_at,
        codes=tuple(answer_codes.items()),
        http_statuses=tuple(http_statuses.items()),
        dlr_list_at=row.dlr_list_at,
        dlr_id=row.dlr_id,
        dlr_reference=row.dlr_reference,
        dlr_state=row.dlr_state,
        dlr_code=row.dlr_code,
        dlr_states=tuple(lines.dlr_states(row.dlr_states).items()),
        dlr_codes=tuple(codes.err_codes(row.dlr_codes).items()),
        dlr_answer=row.dlr_answer,
    )


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
