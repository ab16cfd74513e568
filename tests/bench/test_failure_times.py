"""How long each way to fail at the door of http2sms takes, by the real slow hash.

`PANEL_TEST_SIZE=bench python3 manage.py test tests/bench/test_failure_times.py -n 0 -s` measures;
it prints medians and their ratios, and judges nothing: machines are noisy.
"""

import statistics
import time

import pytest

from sms_accounts import api_users, guesses
from tests.factories import API_PASSWORD, make_api_user
from tests.sign_ins import sign_in
from tests.sizes import in_bench

pytestmark = pytest.mark.django_db

CALLS = in_bench(500, otherwise=3)
WRONG = "Wrong12345"


@pytest.fixture
def claims(settings, monkeypatch):
    """What is claimed in each kind of failure: account, login and password."""
    settings.PASSWORD_HASHERS = ["panel.hashers.ScriptPasswordHasher"]
    settings.SCRIPT_PASSWORD_HASHER = "argon2_script"
    monkeypatch.setattr("sms_accounts.credentials._stand_in", [])
    for limit in ("OF_ADDRESS", "OF_LOGIN", "OF_ALL"):
        endless = guesses.Limit(name=limit, most=10**9, span=guesses.OF_ALL.span)
        monkeypatch.setattr(guesses, limit, endless)
    user, disabled, changed = (make_api_user() for _ in range(3))
    api_users.set_enabled(disabled, False, by=None)
    keep = api_users.KeepFormer(None)
    api_users.set_password(changed, "Another1234", keep_former=keep, by=None)
    return {
        "wrong password": (user.account.name, user.login, WRONG),
        "wrong password, two are valid": (changed.account.name, changed.login, WRONG),
        "unknown account": ("sms-nobody-1", user.login, API_PASSWORD),
        "unknown login": (user.account.name, "nobody", API_PASSWORD),
        "disabled user, right password": (disabled.account.name, disabled.login, API_PASSWORD),
        "disabled user, wrong password": (disabled.account.name, disabled.login, WRONG),
    }


def test_print_the_times_of_failures(claims):
    times: dict[str, list[float]] = {kind: [] for kind in claims}

    # In turn, so that whatever else the machine does meets all of them alike.
    for _ in range(CALLS):
        for kind, claim in claims.items():
            began = time.perf_counter()
            assert sign_in(*claim) is None
            times[kind].append(time.perf_counter() - began)

    medians = {kind: statistics.median(spans) for kind, spans in times.items()}
    first = medians["wrong password"]
    print(f"\n{CALLS} calls of each kind, in turn")
    for kind, median in medians.items():
        print(f"{kind:32} {median * 1000:7.2f} ms  {median / first:6.3f}")
