"""Calls the use cases from a process of its own, as staff and holders would from theirs.

`Teller` is the test's end; run as a module, this is the other end, inside an installation: one
JSON line in, one JSON line out. Another module may be that end, with functions of its own.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from tests.flows.conftest import ROOT, Program


class Teller:
    """To be used in a `with`; one call at a time."""

    def __init__(self, program: Program, *, module: str = "tests.flows.teller") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=program.environment | {"DJANGO_SETTINGS_MODULE": "panel.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        with self._process as process:
            assert process.stdin
            process.stdin.close()

    def ask(self, function: str, /, **given: Any) -> Any:
        """Call one of the functions below; return what it returns."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        with self._turn:
            stdin.write(json.dumps([function, given], default=str) + "\n")
            stdin.flush()
            answer = json.loads(stdout.readline() or "{}")
        if "result" not in answer:
            raise AssertionError(f"{function} {given}: {answer.get('problem', 'the teller died')}")
        return answer["result"]


def _functions() -> dict[str, Callable[..., Any]]:
    from django.db import connection

    from sms_accounts import accounts, api_users, ledger
    from sms_accounts.models import Account, ApiUser, LedgerEntry, Message, Rate, User, Wallet

    def account(name: str) -> Account:
        return Account.objects.get(name=name)

    def user(name: str, login: str) -> ApiUser:
        return ApiUser.objects.select_related("account").get(account__name=name, login=login)

    def holder() -> User:
        return User.objects.filter(memberships__role="owner").order_by("pk")[0]

    def is_done(move: Callable[[], object]) -> bool:
        try:
            move()
        except ledger.InsufficientCredits:
            return False
        return True

    def set_rate(prefix: str, credits: str) -> None:
        Rate.objects.update_or_create(prefix=prefix, defaults={"credits": Decimal(credits)})

    def open_account(name: str, sender: str, logins: list[str], password: str) -> None:
        opened = accounts.open_account(name, owner=holder(), by=None, senders=(sender,))
        for login in logins:
            api_users.add(opened, login=login, password=password, by=None)

    def top_up(name: str, credits: str) -> None:
        ledger.top_up(account(name), Decimal(credits), by=None, reason="Invoice")

    def take_back(name: str, credits: str) -> bool:
        return is_done(
            lambda: ledger.take_back(account(name), Decimal(credits), by=None, reason="Mistake")
        )

    def transfer(giver: str, receiver: str, credits: str) -> bool:
        return is_done(
            lambda: accounts.transfer(
                account(giver), account(receiver), Decimal(credits), by=holder()
            )
        )

    def set_quota(account_name: str, login: str, quota: str | None) -> bool:
        given = None if quota is None else Decimal(quota)
        return is_done(lambda: api_users.set_quota(user(account_name, login), given, by=holder()))

    def set_enabled(account_name: str, login: str, enabled: bool) -> None:
        api_users.set_enabled(user(account_name, login), enabled, by=holder())

    def figures(name: str) -> dict[str, Any]:
        wallets = {"": account(name).wallet_id} | dict(
            ApiUser.objects.filter(account__name=name).values_list("login", "quota_wallet_id")
        )
        return {
            "held": {
                owner: Wallet.objects.get(pk=wallet).credits for owner, wallet in wallets.items()
            },
            "entries": {
                owner: list(
                    LedgerEntry.objects.filter(wallet_id=wallet)
                    .order_by("pk")
                    .values(
                        "kind",
                        "credits",
                        "balance",
                        "reason",
                        "api_user__login",
                        "wallet_id",
                        "submission__wallet_id",
                    )
                )
                for owner, wallet in wallets.items()
            },
            "on_their_way": Message.objects.filter(account__name=name, final_at=None).count(),
            "messages": Message.objects.filter(account__name=name).count(),
        }

    def deadlocks() -> int:
        if connection.vendor != "postgresql":
            return 0
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
            return int(cursor.fetchone()[0])

    return {name: value for name, value in locals().items() if callable(value)}


def answer(make_functions: Callable[[], dict[str, Callable[..., Any]]]) -> None:
    """Be the other end: answer with these functions, which are made once Django is there."""
    import django

    django.setup()
    functions = make_functions()
    for line in sys.stdin:
        function, given = json.loads(line)
        try:
            said = {"result": functions[function](**given)}
        except Exception as problem:  # noqa: BLE001  # told to the test, which then fails
            said = {"problem": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(said, default=str), flush=True)


if __name__ == "__main__":
    answer(_functions)
