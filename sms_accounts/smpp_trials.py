"""Staff try a carrier: a bind of its own beside those of its process, and what came of it.

Receipts of other messages may come over this bind too: they are kept like all others.
"""

import queue
import time
from dataclasses import replace
from datetime import timedelta

import structlog
from django.db import connection
from django.utils.translation import gettext as _

from sms_accounts import carrier_accounts, carriers, sealing, trials
from sms_accounts.carriers.base import Dlr, MalformedDlr
from sms_accounts.carriers.smpp import statuses
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.carriers.smpp.link import Link
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.pdus import Pdu
from sms_accounts.carriers.smpp.session import Session
from sms_accounts.models import SmppCarrier
from sms_accounts.smpp_process import keep
from sms_accounts.trials import Trial

log = structlog.get_logger(__name__)

# Somebody waits for the page: for a bind and an answer, and then for a receipt.
ANSWER_WITHIN = timedelta(seconds=5)
RECEIPT_WITHIN = timedelta(seconds=5)


class _Inbox:
    """Keeps what comes in, and notes what a trial shows."""

    def __init__(self, carrier: Smpp, trial: Trial) -> None:
        self._carrier = carrier
        self._trial = trial
        self.dlrs: queue.SimpleQueue[Dlr] = queue.SimpleQueue()

    def received(self, link: Link, pdu: Pdu) -> None:
        try:
            keep(self._carrier.name, [pdu])
        except Exception:
            # Logged; the carrier sends it again, to whoever is bound then.
            log.exception("receipt_not_stored")
            link.answer(pdu, status=statuses.TRY_AGAIN)
            return
        finally:
            connection.close()
        link.answer(pdu)
        try:
            [dlr] = self._carrier.parse_dlrs(pdu.encode(), {})
        except MalformedDlr:
            return
        self.dlrs.put(dlr)

    def late(self, reference: str, answer: Pdu) -> None:
        self._trial.steps.append(_("The answer came too late."))

    def changed(self, *, is_bound: bool, told: str) -> None:
        self._trial.steps.append(f"{told[:1].upper()}{told[1:]}.")


def bind_now(row: SmppCarrier) -> Trial:
    """Bind as the row says, and unbind."""
    trial, session, _inbox = _begun(row)
    if session is not None:
        _ended(session, trial)
    return trial


def send_one(row: SmppCarrier, *, msisdn: str, sender: str, text: str) -> Trial:
    """Bind, hand one short text over, and wait a little for its receipt. Nobody pays for it."""
    trial, session, inbox = _begun(row)
    if session is None or inbox is None:
        return trial
    if trial.is_well:
        _send(Smpp(session.options, session), inbox, trial, trials.part(msisdn, sender, text))
    _ended(session, trial)
    return trial


def _begun(row: SmppCarrier) -> tuple[Trial, Session | None, _Inbox | None]:
    trial = Trial()
    try:
        whole = carrier_accounts.binding_options_of(row)
    except sealing.Unreadable:
        trial.advice = _("The password cannot be read. Type it in again and save.")
        return trial, None, None
    options = replace(whole, binds=1, answer_within=min(whole.answer_within, ANSWER_WITHIN))
    inbox = _Inbox(Smpp(options), trial)
    session = Session(options, inbox)
    session.start()
    # A connection, and an answer to the bind.
    trial.is_well = session.wait_until_bound(within=2 * ANSWER_WITHIN)
    if not trial.is_well:
        trial.advice = _advice(session.problem, options)
    return trial, session, inbox


def _ended(session: Session, trial: Trial) -> None:
    was_bound = session.is_bound
    session.stop()
    if was_bound:
        trial.steps.append(_("Unbound."))


def _send(carrier: Smpp, inbox: _Inbox, trial: Trial, part: carriers.Submit) -> None:
    trial.is_well = False
    began = time.monotonic()
    try:
        carrier_message_id = carrier.submit(part)
    except carriers.Rejected as refused:
        words = {"code": refused.code, "ptt": refused.ptt}
        trial.steps.append(_("Refused: %(code)s, which counts as ptt %(ptt)s.") % words)
        trial.advice = _("Try another receiver or sender, or ask the carrier what it means.")
    except carriers.TryLater as later:
        trial.steps.append(_("Not taken: %(reason)s.") % {"reason": later})
        trial.advice = _(
            "Where the carrier is not busy, it does not like how it was asked: compare the options "
            "with its manual."
        )
    except carriers.OutcomeUnknown:
        trial.steps.append(_("No answer: nobody knows whether it was taken."))
        trial.advice = _("Ask the carrier, or wait for a receipt.")
    else:
        trial.is_well = True
        words = {
            "id": carrier_message_id or "–",
            "milliseconds": round((time.monotonic() - began) * 1000),
        }
        trial.steps.append(_("Taken after %(milliseconds)s ms, id %(id)s.") % words)
        _await_receipt(inbox, trial, carrier_message_id)


def _await_receipt(inbox: _Inbox, trial: Trial, carrier_message_id: str) -> None:
    ends_at = time.monotonic() + RECEIPT_WITHIN.total_seconds()
    while (left := ends_at - time.monotonic()) > 0:
        try:
            dlr = inbox.dlrs.get(timeout=left)
        except queue.Empty:
            break
        if dlr.carrier_message_id != carrier_message_id:
            continue
        words = {"code": dlr.code, "state": dlr.state, "ptt": dlr.ptt}
        trial.steps.append(_("Receipt: %(code)s, read as %(state)s, ptt %(ptt)s.") % words)
        if dlr.state != "enroute":
            return
    seconds = round(RECEIPT_WITHIN.total_seconds())
    trial.steps.append(
        _("No receipt of the end within %(seconds)s s; it may still come.") % {"seconds": seconds}
    )


def _advice(problem: str, options: Options) -> str:
    if statuses.NAMES[statuses.ALREADY_BOUND] in problem:
        return _(
            "The carrier allows no further bind; the process of this carrier may hold the one that "
            "there is. Switch the carrier off for the trial, or ask for one bind more."
        )
    if "refused: " in problem:
        return _(
            "Compare system_id, password and system_type with what the carrier gave out, and ask "
            "whether it admits the address of this server."
        )
    if "TLS" in problem:
        return _("Ask whether this port speaks TLS, and which certificate it shows.")
    if "no answer" in problem or "closed" in problem:
        return _(
            "Something listens there that did not answer: check the port, and whether it is TLS."
        )
    words = {"host": options.host, "port": options.port}
    return (
        _("Check %(host)s and %(port)s, and whether a firewall lets this server reach them.")
        % words
    )
