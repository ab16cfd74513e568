"""Carriers over HTTP with their counterparts, as the contract wants to handle them."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from sms_accounts import carriers
from sms_accounts.carriers.base import short_reference
from sms_accounts.carriers.http.carrier import Http
from tests.carriers.contract import Numbers
from tests.carriers.upstream import PASSWORD, Http2smsVoice, JsonVoice, KannelVoice, Upstream
from tests.receiver import Receiver, Request
from tests.simulator_rig import wait_until
from tests.smpp.rig import SOFT

SECRET = "dlr-s3cret_x"

NUMBERS = Numbers(
    delivered="33639980004",
    failed={"33639980024": 24, "33639980023": 23},
    rejected={"33639985023": 23, "33639985076": 20},
    busy_twice="33639986004",
    unanswered="33639987004",
    early="33639982004",
)
ERR_CODES = (("024", 24), ("023", 23))

JSON = carriers.Generic(
    headers=(("Authorization", "Bearer {password}"),),
    body_kind="json",
    body='{"to": "+{to}", "from": "{from}", "text": "{text}", "ref": "{reference}",'
    ' "coding": "{coding}", "udh": "{udh}", "callback": "{dlr_url}"}',
    coding_gsm7="text",
    coding_ucs2="unicode",
    id_at="messages.0.id",
    code_at="messages.0.status",
    codes=(("0", "taken"), ("1", "later"), ("6", 23), ("76", 76)),
    dlr_list_at="results",
    dlr_id="messageId",
    dlr_state="status",
    dlr_code="err",
    dlr_states=(("accepted", "enroute"), ("failed", "undeliverable")),
    dlr_codes=ERR_CODES,
)


class Remembering(Http):
    """Remembers what it handed over, where but a part of our reference comes back."""

    def __init__(self, options):
        super().__init__(options, brakes=SOFT)
        self.references: dict[str | None, str] = {}

    def submit(self, submit):
        short = short_reference(submit.reference, submit.msisdn, kept=16)
        self.references[short] = submit.reference
        return super().submit(submit)


class HttpRig:
    """A carrier of one dialect, the gateway that it calls, and a panel that keeps its reports."""

    numbers = NUMBERS
    malformed: tuple[bytes, ...] = (b"", b"not a report", b"\xff\xfe", b"{", b"[1]", b"=&" * 200)

    def __init__(self, dialect, voice, *, answer_within=timedelta(seconds=10)):
        self.receiver = Receiver()
        self.receiver.before_answer = self._keep
        self.receiver.__enter__()
        self.kept: list[Request] = []
        self._is_away = False
        self.dlr_url = f"{self.receiver.url}/acme/{SECRET}/"
        self.upstream = Upstream(voice(self.dlr_url) if voice is Http2smsVoice else voice())
        self.options = carriers.HttpOptions(
            name="acme",
            url=self.upstream.url,
            dialect=dialect,
            username="panel",
            password=PASSWORD,
            dlr_secret=SECRET,
            dlr_url=self.dlr_url,
            answer_within=answer_within,
        )
        self.carrier = Remembering(self.options)
        self.stranger = Http(replace(self.options, password="wrong", dlr_secret="another"))

    def _keep(self, request):
        self.receiver.status = 503 if self._is_away else 200
        if not self._is_away:
            self.kept.append(request)

    def start(self):
        self.upstream.start()

    def stop(self):
        self.upstream.stop()

    def close(self):
        self.upstream.close()
        self.receiver.__exit__()

    def hold_dlrs(self):
        self._is_away = True

    def release_dlrs(self):
        self._is_away = False

    def shown(self):
        request = self.kept[0]
        return request.headers, _secret_in(request)

    def arrived(self):
        dlrs = [
            dlr
            for request in list(self.kept)
            if self.carrier.authorised(request.headers, _secret_in(request))
            for dlr in self.carrier.parse_dlrs(request.body, request.headers, request.query)
        ]
        references = self.carrier.references
        return [
            replace(dlr, reference=references.get(dlr.reference, dlr.reference)) for dlr in dlrs
        ]

    def wait_for_dlrs(self, count):
        wait_until(lambda: len(self.arrived()) >= count, reason=f"{count} DLRs expected")
        return self.arrived()

    def times_on_air(self, reference):
        return sum(heard.reference == reference for heard in self.upstream.heard)


def _secret_in(request):
    return urlsplit(request.target).path.split("/")[3]


def kannel_rig():
    return HttpRig(carriers.Kannel(err_codes=ERR_CODES), KannelVoice)


def http2sms_rig():
    return HttpRig(carriers.Http2sms(account="sms-ab12345-1", knows_keys=True), Http2smsVoice)


def generic_rig():
    rig = HttpRig(JSON, JsonVoice)
    rig.numbers = replace(NUMBERS, rejected={"33639985023": 23, "33639985076": 76})
    return rig
