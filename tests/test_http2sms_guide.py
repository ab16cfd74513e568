"""What is written about http2sms is what it does: tables, examples, limits."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from panel import request_bodies
from sms_accounts import guesses, http2sms, idempotency, orders
from sms_accounts.endpoints import http2sms as endpoint
from sms_accounts.endpoints.http2sms_answers import DEFAULT_FORMAT, FORMATS, Accepted, Refused

ROOT = Path(settings.BASE_DIR)
GUIDE = (ROOT / "docs/http2sms.md").read_text(encoding="utf-8")

ACCEPTED = Accepted(message_ids=(10867690,), invalid=(), credits_left=Decimal(1987))
REFUSED = Refused(status=202, cause="Invalid credentials")


def table_in_guide(name: str) -> str:
    return GUIDE.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0].rstrip("\n")


def parameters_table() -> str:
    lines = ["| name | required | meaning | example |", "|---|---|---|---|"]
    for parameter in http2sms.PARAMETERS:
        names = " or ".join(f"`{name}`" for name in (parameter.name, *parameter.aliases))
        required = "yes" if parameter.is_required else ""
        lines.append(f"| {names} | {required} | {parameter.meaning} | `{parameter.example}` |")
    return "\n".join(lines)


def statuses_table() -> str:
    lines = ["| status | HTTP | meaning | what to do |", "|---|---|---|---|"]
    lines += [
        f"| {status.number} | {status.http_status} | {status.meaning} | {status.advice} |"
        for status in http2sms.STATUSES
    ]
    return "\n".join(lines)


def formats_list() -> str:
    blocks = []
    for known in http2sms.FORMATS:
        accepted, refused = known.accepted.rstrip("\n"), known.refused.rstrip("\n")
        blocks.append(f"`{known.content_type}`:\n\n```\n{accepted}\n```\n\n```\n{refused}\n```")
    return "\n\n".join(blocks)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("parameters", parameters_table()),
        ("statuses", statuses_table()),
        ("formats", formats_list()),
    ],
)
def test_the_guide_has_the_tables_of_the_program(name, expected):
    assert table_in_guide(name) == expected


def test_the_guide_names_the_values_of_a_callback_that_its_page_names():
    page = (ROOT / "templates/sms/api_users/callback_values.html").read_text(encoding="utf-8")

    assert re.findall(r"^\| `(\w+)`", table_in_guide("callback"), re.M) == re.findall(
        r"<dt><code>(\w+)</code></dt>", page
    )


@pytest.mark.parametrize(
    "limit",
    [
        f"| {orders.MOST_RECEIVERS:,} | status 202 |",
        f"| {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MiB | status 202; over "
        f"{request_bodies.MOST_HEARD // 2**20} MiB the connection may break before |",
        f"| {request_bodies.LONGEST_WAIT.total_seconds() / 60:g} minutes | HTTP status 408 |",
        f"| {orders.LONGEST_TAG} characters | status 202 |",
        f"| {idempotency.LONGEST} characters, kept for 24 hours | status 202 |",
        f"| {guesses.OF_ADDRESS.most} in 10 minutes from an address, {guesses.OF_LOGIN.most} for "
        f"a login, {guesses.OF_ALL.most} a minute in all |",
        f"in 10 minutes {guesses.OF_KNOWN_LOGIN.most} for a login and "
        f"{guesses.OF_KNOWN_ADDRESS.most} in all",
    ],
)
def test_the_guide_has_the_limits_of_the_program(limit):
    assert limit in GUIDE.replace("\n", " ")


class TestExamples:
    @pytest.mark.parametrize("known", http2sms.FORMATS, ids=lambda known: known.content_type)
    def test_are_what_http2sms_answers(self, known):
        written = FORMATS[known.content_type]

        assert known.accepted == written(ACCEPTED)
        assert known.refused == written(REFUSED)

    def test_are_there_for_each_format_the_usual_one_first(self):
        assert [known.content_type for known in http2sms.FORMATS] == list(FORMATS)
        assert http2sms.FORMATS[0].content_type == DEFAULT_FORMAT

    @pytest.mark.parametrize("known", http2sms.FORMATS, ids=lambda known: known.content_type)
    def test_are_told_apart(self, known):
        forged = 'x "status":100, <status>100</status> OK<br> OK'
        refused = FORMATS[known.content_type](Refused(status=202, cause=forged, hint=forged))

        assert http2sms.is_accepted(known.accepted)
        assert not http2sms.is_accepted(known.refused)
        assert not http2sms.is_accepted(refused)


def test_the_statuses_are_those_of_the_endpoint():
    written = "".join(
        file.read_text(encoding="utf-8")
        for file in sorted(Path(endpoint.__file__).parent.glob("http2sms*.py"))
    )
    numbers = {int(found) for found in re.findall(r"(?:NotSent\(|status=)(\d{3})\b", written)}

    # Two are the HTTP statuses of other methods than GET and POST.
    assert numbers - {204, 405} | {ACCEPTED.status} == {
        status.number for status in http2sms.STATUSES
    }
