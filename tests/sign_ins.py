"""Signs API users in as the edges do, and makes calls of theirs that are remembered."""

import ipaddress

import pytest
from django.contrib.auth import hashers

from sms_accounts import address_uses, callers, credentials
from sms_accounts.models import AddressUse, ApiUser

# Where nobody has signed in from.
ADDRESS = "192.0.2.77"
WRONG = "Wrong12345"


def sign_in(account: str, login: str, password: str, *, address: str = ADDRESS) -> ApiUser | None:
    """Return the user whose credentials these are, or None."""
    claim = credentials.Claim(
        account=account,
        login=login,
        password=password,
        address=ipaddress.ip_address(address),
    )
    try:
        return credentials.authenticate(claim).user
    except credentials.WrongCredentials:
        return None


def remembered(user: ApiUser) -> callers.Caller:
    """Let this process know a user, as after a call of it."""
    known = callers.read(user.account.name, user.login)
    assert known is not None
    return callers.remember(known)


def note_call(
    user: ApiUser,
    address: str,
    *,
    accepted: bool = True,
    is_inside: bool | None = None,
    method: AddressUse.Method = AddressUse.Method.URL,
    with_former_password: bool = False,
) -> None:
    """A call with the right password, as http2sms notes it."""
    address_uses.note(
        credentials.SignedIn(remembered(user), with_former_password),
        ipaddress.ip_address(address),
        method=method,
        accepted=accepted,
        is_inside=accepted if is_inside is None else is_inside,
    )


def slow_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each call of the slow hash adds what it compares with, from now on."""
    # The stand-in is made once in the life of a process; that is not what is counted here.
    sign_in("sms-nobody-1", "nobody", WRONG)
    calls: list[str] = []

    def counted(password: str, encoded: str) -> bool:
        calls.append(encoded)
        return hashers.check_password(password, encoded)

    monkeypatch.setattr(credentials, "check_password", counted)
    return calls
