"""GET /1.0/sms/ptts: what a ptt code means, for scripts."""

import pytest

from sms_accounts import codes, codes_in_french

URL = "/1.0/sms/ptts"


@pytest.mark.parametrize("path", [URL, "/v1/sms/ptts"])
@pytest.mark.parametrize("ptt", codes.PTTS)
def test_explains_each_code(client, path, ptt):
    answer = client.get(path, {"ptt": ptt})

    told = answer.json()
    assert answer.status_code == 200
    assert set(told) == {"comment", "description", "duration"}
    assert all(told.values())
    assert told["description"] == codes.PTTS[ptt].description
    assert told["duration"] in ("permanent", "temporary", "indeterminated")


def test_needs_no_database_and_may_be_kept_by_caches(client):
    answer = client.get(URL, {"ptt": 4})

    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert "Accept-Language" in answer.headers["Vary"]
    assert answer.cookies == {}


@pytest.mark.parametrize(
    ("languages", "is_french"),
    [
        ("fr", True),
        ("fr-CA,fr;q=0.9,en;q=0.8", True),
        ("de,fr;q=0.7,en;q=0.5", True),
        ("en,fr;q=0.9", False),
        ("fr;q=0.2,en;q=0.9", False),
        ("de", False),
        ("", False),
        (";;;,", False),
    ],
)
def test_speaks_french_to_whoever_prefers_it(client, languages, is_french):
    told = client.get(URL, {"ptt": 4}, headers={"Accept-Language": languages}).json()

    assert told["description"] == ("Livré" if is_french else "Delivered")


def test_has_all_codes_in_french():
    assert set(codes_in_french.DESCRIPTIONS) == set(codes_in_french.COMMENTS) == set(codes.PTTS)


@pytest.mark.parametrize("ptt", ["", "x", "-1", "4.0", "999999", "٤", "²"])
def test_says_what_it_takes(client, ptt):
    answer = client.get(URL, {"ptt": ptt})

    assert answer.status_code == 400
    assert answer.json()["httpCode"] == "400 Bad Request"


def test_knows_no_code_that_is_not_in_the_table(client):
    answer = client.get(URL, {"ptt": 7})

    assert answer.status_code == 404
    assert answer.json()["message"] == "This ptt code is not in the table: 7"


def test_takes_no_post(client):
    assert client.post(URL, {"ptt": 4}).status_code == 405
