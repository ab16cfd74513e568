"""One panel as the carrier of another: message, DLR and callback all the way through."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flows.conftest import Program, own_broker, start, stop
from tests.receiver import Receiver
from tests.sizes import long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_embedded, long]

PASSWORD = "Secret1234"
COST = 2
DLR_SECRET = "between-two-panels"
# What becomes of each at the upper panel's carrier, and what the lower panel's customer hears.
ENDS = {"33639980004": ("4", "1"), "33639980024": ("24", "2"), "33639985023": ("23", "16")}

CONNECT = """
from django.core.management import call_command
from sms_accounts import sealing
from sms_accounts.models import HttpCarrier
call_command(
    "create_api_user", {ours!r}, "script", "--password", {password!r}, "--callback", {callback!r}
)
HttpCarrier.objects.create(
    name="upper", kind="http2sms", is_enabled=True, is_default=True, knows_keys=True,
    url={url!r}, account={account!r}, username="below",
    password_sealed=sealing.seal({password!r}), dlr_secret_sealed=sealing.seal({secret!r}),
)
"""


@pytest.fixture
def panels(tmp_path: Path):
    folders = [tmp_path / "upper", tmp_path / "lower"]
    for folder in folders:
        folder.mkdir()
    # Each has a broker of its own.
    redis = os.environ.get("REDIS_URL")
    shared = [{"REDIS_URL": own_broker(redis, number)} if redis else {} for number in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        both = list(
            pool.map(lambda each: start(each[0], **each[1]), zip(folders, shared, strict=True))
        )
        yield both
        list(pool.map(stop, both))


def connect(upper: Program, lower: Program, receiver: Receiver) -> None:
    """Make the upper panel the carrier of the lower one, and a customer of each."""
    carrier = CONNECT.format(
        ours=lower.demo["account"],
        callback=receiver.url,
        url=f"{upper.url}/http2sms",
        account=upper.demo["account"],
        password=PASSWORD,
        secret=DLR_SECRET,
    )
    callback = f"--callback={lower.url}/dlr/upper/{DLR_SECRET}/"
    user = (upper.demo["account"], "below", f"--password={PASSWORD}", callback)
    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(upper.manage, "create_api_user", *user)
        connected = pool.submit(lower.manage, "shell", "-c", carrier)
        for done in (made.result(), connected.result()):
            assert done.returncode == 0, done.stdout + done.stderr


def test_a_message_goes_through_two_panels_and_its_end_comes_back(panels, receiver: Receiver):
    upper, lower = panels
    connect(upper, lower, receiver)
    before = sent(lower, "33639980004")
    for msisdn in list(ENDS)[1:]:
        sent(lower, msisdn)

    ends = wait_for_ends(receiver, len(ENDS))

    assert ends == ENDS
    # The one that was refused above was paid back below.
    assert sent(lower, "33639980004") == before - 2 * COST


def sent(program: Program, msisdn: str) -> Decimal:
    """Send a text of two parts; return the credits that are left."""
    answer = program.send(
        account=program.demo["account"],
        login="script",
        password=PASSWORD,
        to=msisdn,
        message="Grüße aus Köln ✓ " * 6,
        tag=msisdn,
        **{"from": program.demo["sender"]},
    )
    assert answer["status"] == 100, answer
    return Decimal(answer["creditLeft"])


def wait_for_ends(receiver: Receiver, count: int) -> dict[str, tuple[str, str]]:
    """Wait until the customer has heard of so many ends; return ptt and DLR id by number."""
    until = time.monotonic() + 40
    while True:
        found = {
            request.value("tag"): (request.value("ptt"), request.value("description"))
            for request in list(receiver.requests)
            if request.value("description") in ("1", "2", "16")
        }
        if len(found) == count:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.1)
