"""The demo data: made once in an empty database, never elsewhere, whole or not at all."""

import json
import stat
from dataclasses import asdict
from decimal import Decimal

import pytest

from sms_accounts import demo, submission
from sms_accounts.models import Account, ApiUser, Rate, Sender, User, Wallet
from tests.factories import make_account, make_order, make_user
from tests.sign_ins import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


class TestEnsure:
    def test_makes_an_account_that_the_guide_can_be_followed_in(self):
        made = demo.ensure()

        assert made is not None
        account = Account.objects.select_related("wallet").get()
        assert (account.name, account.description) == ("sms-ab12345-1", "Demo account")
        assert account.wallet.credits == 200
        held = ApiUser.objects.exclude(login="demo").select_related("wallet")
        assert sum((user.wallet.credits for user in held), Decimal(0)) == 75
        assert not ApiUser.objects.get(login="demo").has_quota
        senders = Sender.objects.order_by("pk").values_list("name", "status", "takes_replies")
        assert list(senders) == [("DEMO", "enabled", False), ("33639980000", "enabled", True)]

    def test_makes_sign_ins_that_work(self):
        made = demo.ensure()

        assert made is not None
        holder = User.objects.get(email="holder@example.com")
        staff = User.objects.get(email="staff@example.com")
        assert holder.check_password(made.holder_password)
        assert not holder.is_staff
        assert list(Account.objects.visible_to(holder)) == [Account.objects.get()]
        assert staff.check_password(made.staff_password)
        assert staff.is_superuser
        assert sign_in(made.account, made.login, made.password)

    def test_makes_a_user_who_can_send(self):
        made = demo.ensure()

        assert made is not None
        user = ApiUser.objects.select_related("account").get(login=made.login)
        Rate.objects.get_or_create(prefix="", defaults={"credits": 1})
        order = make_order(user, receivers=[made.msisdn], sender=made.sender)
        assert submission.submit(order).credits_left == 199

    def test_invents_every_password(self):
        made = demo.ensure()

        assert made is not None
        passwords = {made.holder_password, made.staff_password, made.password}
        assert len(passwords) == 3
        assert min(map(len, passwords)) >= 16

    def test_keeps_the_sign_ins_where_nobody_else_reads_them(self, data_folder):
        made = demo.ensure()

        assert made is not None
        kept = data_folder / "demo.json"
        assert json.loads(kept.read_text()) == asdict(made)
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert [path.name for path in data_folder.iterdir()] == ["demo.json"]

    def test_returns_the_same_at_later_starts(self):
        made = demo.ensure()
        assert made is not None
        make_account()

        assert demo.ensure() == made
        assert Account.objects.count() == 2

    @pytest.mark.parametrize("make", [make_account, make_user])
    def test_leaves_a_database_alone_that_holds_something(self, make, data_folder):
        make()

        assert demo.ensure() is None
        assert not (data_folder / "demo.json").exists()
        assert not ApiUser.objects.exists()

    def test_knows_nothing_of_sign_ins_to_a_database_that_is_gone(self):
        assert demo.ensure() is not None
        Account.objects.filter(name="sms-ab12345-1").update(name="sms-ab12345-7")

        assert demo.ensure() is None

    def test_leaves_nothing_where_the_sign_ins_cannot_be_kept(self, settings, tmp_path):
        settings.DATA_DIR = tmp_path / "missing"

        with pytest.raises(FileNotFoundError):
            demo.ensure()

        assert not User.objects.exists()
        assert not Wallet.objects.exists()

    def test_makes_new_sign_ins_where_the_database_did_not_commit(self, data_folder, monkeypatch):
        with monkeypatch.context() as broken:
            broken.setattr(demo, "_keep", _keep_and_die)
            with pytest.raises(RuntimeError):
                demo.ensure()
        left = json.loads((data_folder / "demo.json").read_text())

        made = demo.ensure()

        assert made is not None
        assert made.password != left["password"]
        assert json.loads((data_folder / "demo.json").read_text()) == asdict(made)

    @pytest.mark.parametrize("text", ["", "[]", '{"account": "sms-ab12345-1"}', "\x00"])
    def test_passes_over_a_file_that_is_broken(self, data_folder, text):
        assert demo.ensure() is not None
        (data_folder / "demo.json").write_text(text)

        assert demo.ensure() is None


_keep = demo._keep


def _keep_and_die(made: demo.Demo) -> None:
    _keep(made)
    raise RuntimeError
