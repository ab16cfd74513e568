"""Many scripts at once, over real sockets: nobody spends more than there is."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.flows.conftest import Program

pytestmark = pytest.mark.whole_program

CALLS, AT_ONCE, QUOTA = 200, 32, 50


def test_a_quota_of_50_lets_exactly_50_of_200_parallel_sends_through(program: Program):
    made = program.manage(
        "create_api_user",
        program.demo["account"],
        "parallel",
        "--password=Secret1234",
        f"--quota={QUOTA}",
    )
    assert made.returncode == 0, made.stderr

    def send(_number: int) -> dict[str, Any]:
        return program.send(
            account=program.demo["account"],
            login="parallel",
            password="Secret1234",
            to="33639980004",
            message="Hello",
            **{"from": program.demo["sender"]},
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(CALLS)))

    outcomes = Counter((answer["status"], answer.get("message", "")) for answer in answers)
    assert outcomes == {(100, ""): QUOTA, (202, "Quota reached"): CALLS - QUOTA}
    accepted = [answer for answer in answers if answer["status"] == 100]
    assert len({answer["smsIds"][0] for answer in accepted}) == QUOTA
    assert sorted(answer["creditLeft"] for answer in accepted)[0] == "0.00"
    books = program.manage("check_books")
    assert books.returncode == 0, books.stdout
    assert "database is locked" not in program.output.read_text()
