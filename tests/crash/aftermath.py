"""What must be so after processes have died at random, whatever they were at."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sms_accounts.models import FINAL
from tests.crash.customers import Told
from tests.receiver import Receiver

# What began so many seconds before a kill was surely written to the carrier.
SURELY_WRITTEN = 2
# Later than this no first hand-over reaches the carrier: it hung, or had to start again.
REACHED_WITHIN = 15

FINISHED = {str(state) for state in FINAL}


@dataclass
class InFlight:
    """Which parts were being handed over when somebody was killed over them."""

    # By their references, when they were begun.
    began: dict[str, float] = field(default_factory=dict)
    # Those that were written to a carrier which was then killed: it never answered them.
    lost: set[str] = field(default_factory=set)
    # From when to when the carrier hung or somebody was about to die.
    spans: list[tuple[float, float]] = field(default_factory=list)

    def met(
        self, began: Mapping[str, float], *, since: float, until: float, lost_after: float | None
    ) -> None:
        """Note a kill, and when the parts that were under way then were begun.

        Where the carrier died too, it never answers what was written to it since `lost_after`.
        What was begun before may have been refused while it started, and not be recorded yet.
        """
        self.began |= began
        self.spans.append((since, until))
        if lost_after is not None:
            written = until - SURELY_WRITTEN
            self.lost |= {ref for ref, at in began.items() if lost_after < at < written}

    def has(self, attempt: Mapping[str, Any]) -> bool:
        return attempt["reference"] in self.began or any(
            since <= attempt["started_at"] <= until for since, until in self.spans
        )


def assert_accepted_is_stored(
    told: Iterable[Told],
    submissions: Mapping[int, Mapping[str, Any]],
    stored: Iterable[Mapping[str, Any]],
) -> None:
    """What got a success answer is there; each order was paid once, and none that nobody sent."""
    receivers: dict[int, list[str]] = {}
    ids: dict[int, list[int]] = {}
    for message in stored:
        receivers.setdefault(message["submission_id"], []).append(message["msisdn"])
        ids.setdefault(message["submission_id"], []).append(message["id"])
    by_tag: dict[str, list[int]] = {}
    for submission in submissions.values():
        if submission["channel"] == "http2sms":
            by_tag.setdefault(submission["tag"], []).append(submission["id"])
    for each in told:
        wish = each.wish
        orders = by_tag.pop(wish.tag)
        # Whoever asks again without a key may have sent the first one too, and has paid both.
        assert len(orders) == 1 or (not wish.has_key and len(orders) <= each.tries), wish
        assert each.ids in [ids[order] for order in orders]
        for order in orders:
            price = len(wish.receivers) * wish.parts
            assert receivers[order] == list(wish.receivers)
            assert Decimal(submissions[order]["credits"]) == price
    assert by_tag == {}
    assert all(each["paid"] == [each["credits"]] for each in submissions.values())


def assert_on_air_once(
    stored: Iterable[Mapping[str, Any]], submits: Iterable[Mapping[str, Any]]
) -> None:
    """Each part reached its handset once at most, and none that nobody handed over."""
    sent = {each["ref"]: each["sent"] for each in submits}
    for message in stored:
        attempts = message["attempts"]
        assert attempts, "paid, and not handed over"
        times: Counter[int] = Counter()
        for attempt in attempts:
            times[attempt["part"]] += sent.get(attempt["reference"], 0)
        assert max(times.values()) <= 1, ("a part was put on air twice", message)
        assert message["refunds"] == (message["state"] == "rejected")
        if message["state"] in FINISHED:
            refused = {attempt["outcome"] for attempt in attempts} & {"rejected"}
            assert (message["state"] == "rejected") == bool(refused)
    references = {attempt["reference"] for message in stored for attempt in message["attempts"]}
    assert set(sent) <= references, "on air without an attempt"


def assert_answered_by_its_own(
    stored: Iterable[Mapping[str, Any]],
    submits: Iterable[Mapping[str, Any]],
    in_flight: InFlight,
) -> None:
    """Nothing counts as not taken of which the carrier was told and did not say so.

    It keeps nobody waiting here: what is to be tried later has not reached it at all.
    """
    seen = {each["ref"] for each in submits}
    for message in stored:
        for attempt in message["attempts"]:
            if attempt["outcome"] in ("try_later", "not_sent"):
                assert attempt["reference"] not in seen, message
                assert attempt["reference"] not in in_flight.lost, message


def assert_handed_over_once(
    stored: Iterable[Mapping[str, Any]],
    submits: Iterable[Mapping[str, Any]],
    in_flight: InFlight,
) -> None:
    """No part came again, under whichever reference, and none after it was abandoned."""
    seen = {each["ref"]: each for each in submits}
    assert {each["asked"] for each in seen.values()} == {1}
    for reference, began in in_flight.began.items():
        if submit := seen.get(reference):
            assert submit["seen_at"] < began + REACHED_WITHIN, submit
    for message in stored:
        outcomes = Counter(each["outcome"] for each in message["attempts"])
        assert message["queued_again"] <= outcomes["try_later"], message
        parts = Counter(
            each["part"]
            for each in message["attempts"]
            if each["outcome"] not in ("try_later", "not_sent")
        )
        assert set(parts.values()) <= {1}, ("handed over again", message)


def assert_held_in_flight(
    stored: Iterable[Mapping[str, Any]],
    submits: Iterable[Mapping[str, Any]],
    in_flight: InFlight,
) -> None:
    """A message is final unless the carrier never told of a part that was in flight at a kill."""
    taken = {each["ref"] for each in submits if each["id"]}
    held = 0
    for message in stored:
        if message["state"] in FINISHED:
            continue
        assert message["state"] == "submitting"
        open_parts = [
            attempt
            for attempt in message["attempts"]
            if attempt["outcome"] == "unanswered" and attempt["reference"] not in taken
        ]
        assert open_parts, message
        assert all(in_flight.has(attempt) for attempt in open_parts), message
        held += 1
    print(f"{held} held that were in flight at a kill")


def assert_callbacks_arrived(
    stored: Iterable[Mapping[str, Any]],
    submissions: Mapping[int, Mapping[str, Any]],
    receiver: Receiver,
) -> None:
    """Each change was told, in the order of the changes; what came again said the same."""
    heard: dict[str, list[str]] = {}
    for request in receiver.requests:
        heard.setdefault(request.value("id"), []).append(request.value("ptt"))
    repeated = 0
    for message in stored:
        if submissions[message["submission_id"]]["channel"] != "http2sms":
            continue
        told = heard.pop(str(message["id"]), [])
        assert message["callbacks"] == [[*change, True] for change in message["changes"]]
        expected = [str(ptt) for _state, ptt in message["changes"]]
        assert list(dict.fromkeys(told)) == expected, message
        repeated += len(told) - len(expected)
    assert heard == {}
    print(f"{repeated} callbacks came again")


def unexplained_tracebacks(output: str) -> list[str]:
    """The tracebacks in what processes said, but for those of a broker that was killed.

    Whoever talks to the broker at that moment gets an error of the library that does so.
    """
    said: dict[str, list[str]] = {}
    for line in output.splitlines():
        name, separator, rest = line.partition("| ")
        said.setdefault(name if separator else "", []).append(rest if separator else line)
    blocks = [
        block.partition("\ntimestamp=")[0]
        for lines in said.values()
        for block in "\n".join(lines).split("Traceback (most recent call last)")[1:]
    ]
    return [block for block in blocks if not re.search(r"/(redis|kombu)/|\b(redis|kombu)\.", block)]
