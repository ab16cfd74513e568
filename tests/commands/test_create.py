"""The commands that add people, accounts and API users, also when run again."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from ipaddress import ip_network

import pytest
from django.conf import settings

from sms_accounts import api_users, submission
from sms_accounts.models import (
    Account,
    Activity,
    ApiUser,
    LedgerEntry,
    Membership,
    Sender,
    User,
    Wallet,
)
from tests.commands.running import NAME, OWNER, refused, run
from tests.factories import (
    API_PASSWORD,
    PASSWORD,
    make_account,
    make_api_user,
    make_order,
    make_user,
)
from tests.sign_ins import sign_in


@pytest.mark.django_db
class TestCreateHolder:
    def test_adds_somebody_who_can_sign_in(self):
        answered = run("create_holder", "Alice@Example.com", "--password", PASSWORD)

        assert answered == {"email": OWNER, "created": True, "password_changed": True}
        assert User.objects.get(email=OWNER).check_password(PASSWORD)

    def test_changes_nothing_when_run_again(self):
        run("create_holder", OWNER, "--password", PASSWORD)
        before = User.objects.values().get()

        answered = run("create_holder", OWNER.upper(), "--password", PASSWORD)

        assert answered == {"email": OWNER, "created": False, "password_changed": False}
        assert User.objects.values().get() == before

    def test_sets_a_password_that_differs(self):
        run("create_holder", OWNER, "--password", PASSWORD)

        answered = run("create_holder", OWNER, "--password", "another long password")

        assert answered == {"email": OWNER, "created": False, "password_changed": True}
        assert User.objects.get(email=OWNER).check_password("another long password")

    @pytest.mark.parametrize(
        ("email", "password", "sentence"),
        [
            ("alice", PASSWORD, "EMAIL: Enter a valid email address."),
            (OWNER, "12345", "--password: This password is too short."),
        ],
    )
    def test_names_what_is_wrong_and_adds_nobody(self, email, password, sentence):
        assert refused("create_holder", email, "--password", password).startswith(sentence)
        assert not User.objects.exists()


@pytest.mark.django_db
class TestCreateAccount:
    def test_opens_an_account_with_credits_and_senders(self):
        owner = make_user(OWNER)

        answered = run(
            "create_account",
            NAME,
            "--owner=Alice@example.com",
            "--credits=200",
            "--sender=Example",
            "--sender=33612345678",
        )

        account = Account.objects.get()
        assert answered == {
            "account": NAME,
            "created": True,
            "owner": OWNER,
            "credits_granted": "200.00",
            "credits_left": "200.00",
            "senders_enabled": ["Example", "33612345678"],
        }
        assert account.wallet.credits == 200
        assert Membership.objects.get(account=account).user == owner
        assert set(account.senders.values_list("name", "status")) == {
            ("Example", "enabled"),
            ("33612345678", "enabled"),
        }

    def test_grants_nothing_when_run_again(self):
        make_user(OWNER)
        arguments = (NAME, f"--owner={OWNER}", "--credits=200", "--sender=Example")
        run("create_account", *arguments)
        entries, changes = LedgerEntry.objects.count(), Activity.objects.count()

        answered = run("create_account", *arguments)

        assert answered["created"] is False
        assert answered["credits_granted"] == "0.00"
        assert answered["credits_left"] == "200.00"
        assert answered["senders_enabled"] == []
        assert (entries, changes) == (LedgerEntry.objects.count(), Activity.objects.count())

    def test_enables_a_sender_that_is_new(self):
        make_user(OWNER)
        run("create_account", NAME, f"--owner={OWNER}", "--sender=Example")

        answered = run("create_account", NAME, f"--owner={OWNER}", "--sender=Shop")

        assert answered["senders_enabled"] == ["Shop"]
        assert Sender.objects.filter(status="enabled").count() == 2

    def test_hands_no_account_over_to_somebody_else(self):
        make_account(name=NAME, owner=make_user(OWNER))
        make_user("bob@example.com")

        sentence = refused("create_account", NAME, "--owner=bob@example.com")

        assert sentence.startswith(f"--owner: {NAME} exists, and bob@example.com does not own it.")
        assert Membership.objects.count() == 1

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("account", f"--owner={OWNER}"), "NAME: An account is named like"),
            ((NAME, "--owner=bob@example.com"), "--owner: nobody has the e-mail address"),
            ((NAME, f"--owner={OWNER}", "--sender=Ex!"), "--sender: 3 to 11 letters"),
            ((NAME, f"--owner={OWNER}", "--credits=-1"), "argument --credits: '-1' is no number"),
            ((NAME, f"--owner={OWNER}", "--credits=NaN"), "argument --credits: 'NaN' is no number"),
            ((NAME, f"--owner={OWNER}", "--credits=0.001"), "argument --credits: '0.001' is no"),
            ((NAME,), "the following arguments are required: --owner"),
        ],
    )
    def test_names_what_is_wrong_and_opens_nothing(self, arguments, sentence):
        make_user(OWNER)

        assert sentence in refused("create_account", *arguments)
        assert not Account.objects.exists()
        assert not Wallet.objects.exists()


@pytest.mark.django_db
class TestCreateApiUser:
    ALL = (
        NAME,
        "billing",
        f"--password={API_PASSWORD}",
        "--quota=50",
        "--callback=https://example.com/dlr",
        "--alert-threshold=20",
        "--alert-email=ops@example.com",
        "--alert-number=+33 6 12 34 56 78",
    )

    def test_adds_a_user_with_everything(self):
        make_account(name=NAME)

        answered = run("create_api_user", *self.ALL)

        user = ApiUser.objects.select_related("wallet", "account__wallet").get()
        assert answered == {
            "account": NAME,
            "login": "billing",
            "created": True,
            "changed": ["login", "password", "quota", "callback", "limit"],
            "quota_left": "50.00",
        }
        assert sign_in(NAME, "billing", API_PASSWORD) == user
        assert (user.wallet.credits, user.account.wallet.credits) == (Decimal(50), Decimal(150))
        assert user.callback_url == "https://example.com/dlr"
        assert (user.alert_enabled, user.alert_threshold) == (True, Decimal(20))
        assert (user.alert_support, user.alert_email, user.alert_msisdn) == (
            "both",
            "ops@example.com",
            "33612345678",
        )

    def test_changes_nothing_when_run_again(self):
        make_account(name=NAME)
        run("create_api_user", *self.ALL)
        before = ApiUser.objects.values().get()
        changes = Activity.objects.count()

        answered = run("create_api_user", *self.ALL)

        assert answered["created"] is False
        assert answered["changed"] == []
        assert ApiUser.objects.values().get() == before
        assert Activity.objects.count() == changes

    def test_does_not_fill_up_a_quota_that_is_being_used(self):
        make_account(name=NAME)
        run("create_api_user", *self.ALL)
        submission.submit(make_order(ApiUser.objects.select_related("account").get()))

        answered = run("create_api_user", *self.ALL)

        assert answered["changed"] == []
        assert answered["quota_left"] == "49.00"

    def test_applies_what_differs_and_leaves_the_rest(self):
        make_account(name=NAME)
        run("create_api_user", *self.ALL)

        answered = run("create_api_user", NAME, "billing", "--password=Another1234", "--quota=60")

        user = ApiUser.objects.select_related("wallet").get()
        assert answered["changed"] == ["password", "quota"]
        assert user.wallet.credits == 60
        assert user.callback_url == "https://example.com/dlr"
        assert sign_in(NAME, "billing", API_PASSWORD) is None

    def test_gives_a_quota_again_after_the_holder_switched_it_off(self):
        make_account(name=NAME)
        run("create_api_user", *self.ALL)
        api_users.set_quota(ApiUser.objects.get(), None, by=None)

        answered = run("create_api_user", *self.ALL)

        assert answered["changed"] == ["quota"]
        assert answered["quota_left"] == "50.00"

    def test_takes_the_notification_from_the_addresses_given(self):
        make_account(name=NAME)
        plain = (NAME, "billing", f"--password={API_PASSWORD}", "--alert-threshold=5")

        run("create_api_user", *plain, "--alert-number=33612345678")
        by_sms = ApiUser.objects.values_list("alert_support", flat=True).get()
        run("create_api_user", *plain, "--alert-email=ops@example.com")
        by_email = ApiUser.objects.values_list("alert_support", flat=True).get()

        assert (by_sms, by_email) == ("sms", "email")

    def test_removes_a_callback_that_is_given_empty(self):
        make_account(name=NAME)
        run("create_api_user", *self.ALL)

        run("create_api_user", NAME, "billing", f"--password={API_PASSWORD}", "--callback=")

        assert ApiUser.objects.get().callback_url == ""

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("sms-ab12345-9", "new", "--password=Secret1234"), "ACCOUNT: there is no account"),
            ((NAME, "-" * 3, "--password=Secret1234"), "the following arguments are required"),
            ((NAME, "new user", "--password=Secret1234"), "LOGIN: 1 to 40 letters"),
            ((NAME, "TAKEN", "--password=Secret1234"), "LOGIN: the account has 'taken' already"),
            ((NAME, "new", "--password=short"), "--password: A password has 8 to 64"),
            ((NAME, "taken", "--password=säcret12345"), "--password: A password has 8 to 64"),
            ((NAME, "new", "--password=Secret1234", "--quota=200.01"), "--quota: at most 200.00"),
            ((NAME, "new", "--password=Secret1234", "--quota=1.005"), "argument --quota: '1.005'"),
            (
                (NAME, "new", "--password=Secret1234", "--callback=http://127.0.0.1/"),
                "--callback: The URL must lead to an address on the public internet.",
            ),
            (
                (NAME, "new", "--password=Secret1234", "--alert-threshold=5"),
                "--alert-threshold: give --alert-email, --alert-number or both too.",
            ),
            (
                (NAME, "new", "--password=Secret1234", "--alert-number=33612345678"),
                "--alert-number: give --alert-threshold too.",
            ),
            (
                (NAME, "new", "--password=Secret1234", "--alert-number=0612345678"),
                "--alert-number: '0612345678' is no number in international format",
            ),
            (
                (NAME, "new", "--password=Secret1234", "--alert-email=ops"),
                "--alert-email: Enter a valid email address.",
            ),
        ],
    )
    def test_names_what_is_wrong_and_does_nothing(self, arguments, sentence):
        taken = make_api_user(account=make_account(name=NAME), login="taken")
        changes = Activity.objects.count()

        assert sentence in refused("create_api_user", *arguments)
        assert list(ApiUser.objects.all()) == [taken]
        assert Activity.objects.count() == changes

    def test_calls_a_network_that_this_installation_trusts(self, settings):
        settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
        make_account(name=NAME)

        run(
            "create_api_user",
            NAME,
            "new",
            f"--password={API_PASSWORD}",
            "--callback=http://127.0.0.1:9000/dlr",
        )

        assert ApiUser.objects.get().callback_url == "http://127.0.0.1:9000/dlr"


def test_commands_answer_and_fail_as_processes(tmp_path):
    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env={
                **environment,
                "PANEL_DATA_DIR": str(tmp_path),
                "PANEL_BOOTSTRAP": "0",
                "DJANGO_SETTINGS_MODULE": "panel.settings",
            },
            capture_output=True,
            text=True,
        )

    unready = python("manage.py", "create_holder", OWNER, "--password", PASSWORD)
    done = python("-c", MIGRATED, "create_holder", OWNER, "--password", PASSWORD)

    assert (unready.returncode, unready.stdout) == (1, "")
    assert "run 'python3 manage.py migrate' first" in unready.stderr
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"email": OWNER, "created": True, "password_changed": True}


# One process instead of two: to start one takes longer than all else here.
MIGRATED = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "migrate", "-v0"])
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
