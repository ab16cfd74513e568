"""Mails and SMS of an account in French: nothing of them is in English, and SMS stay short."""

import ast
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core import mail
from django.utils import translation
from django.utils.translation.template import templatize

from sms_accounts import accounts, alert_texts, alerts, callback_endpoints, gsm
from sms_accounts.models import (
    Account,
    Alert,
    AlertTexts,
    CallbackEndpoint,
    DaySpent,
    Notification,
    Wallet,
)
from tests.alerted import BOTH, make_alerted
from tests.factories import make_account, make_api_user, make_user

ROOT = Path(settings.BASE_DIR)
FOLDER = ROOT / "sms_accounts/locale/fr/LC_MESSAGES"
# All that these say goes into mails and SMS; of what the variables mean, pages alone tell.
MODULES = ("alert_texts.py", "oddity_words.py", "spending.py", "stop_answers.py")
AT = datetime(2026, 8, 1, 22, 30, tzinfo=UTC)


def catalogue() -> Catalog:
    with (FOLDER / "django.po").open("rb") as file:
        return read_po(file, locale="fr")


def strings(words: Catalog) -> list[tuple[object, object]]:
    """What is said for what, in an order that both forms of a catalogue have."""
    said = [(_forms(message.id), _forms(message.string)) for message in words if message.id]
    return sorted(said)


def _forms(words: str | Sequence[str] | None) -> list[str]:
    return [words] if isinstance(words, str) else list(words or ())


def words_in(path: Path) -> set[str]:
    """The texts that a module or template marks for translation."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        calls = re.findall(r" n?gettext\((u'.*?'|u\".*?\")[,)]", templatize(text))
        return {ast.literal_eval(words) for words in calls}
    names = {"_": None, "gettext": None, "gettext_lazy": None, "ngettext": (1, 2)}
    found = extract("python", BytesIO(text.encode()), keywords=names)
    return {words if isinstance(words, str) else words[0] for _line, words, *_more in found}


class TestCatalogue:
    def test_is_compiled_as_it_is_written(self):
        with (FOLDER / "django.mo").open("rb") as file:
            compiled = read_mo(file)

        written = catalogue()
        assert strings(compiled) == strings(written)
        assert compiled.plural_forms == written.plural_forms

    def test_has_all_words_of_mails_and_no_others(self):
        sources = ROOT / "sms_accounts"
        known = {_forms(message.id)[0] for message in catalogue() if message.id}
        mails = set().union(
            *(words_in(sources / module) for module in MODULES),
            *(words_in(path) for path in (ROOT / "templates/email").iterdir()),
        )
        everywhere = mails.union(*(words_in(path) for path in sources.rglob("*.py")))

        assert mails - known == {str(meaning) for meaning in alert_texts.VARIABLES.values()}
        assert known <= everywhere

    def test_says_all_and_keeps_what_is_filled_in(self):
        for message in catalogue():
            assert all(_forms(message.string)), message.id
            assert not message.fuzzy, message.id
            # Among them: another number of `%s`.
            assert not list(message.check(catalogue())), message.id
            for said in _forms(message.string):
                assert variables(said) == variables(_forms(message.id)[0])


def variables(text: str) -> set[str]:
    return set(re.findall(r"\|[A-Z]+\||%\(\w+\)", text))


def an_alert(subject=None, **given) -> Alert:
    if subject is None:
        account = make_account(
            credits=1194, name="sms-ab12345-1", time_zone="Europe/Paris", language="fr"
        )
        subject = make_api_user(account=account, login="script1", quota=4)
    figures = {"threshold": Decimal(5), "balance": Decimal(4), "at": AT}
    return Alert.about(subject, **{**figures, **given})


FOOT = "\n\nToutes les alertes\u00a0: {}/sms/sms-ab12345-1/alerts/log/\n"


@pytest.mark.django_db
class TestMail:
    def test_of_an_api_user(self):
        told = alert_texts.email_of(AlertTexts(), an_alert())

        assert told.subject == "script1 : il reste 4,00 crédits SMS"
        assert told.body == (
            "Bonjour,\n\n"
            "Il reste 4,00 crédits SMS à l'utilisateur API script1. Vous avez demandé une alerte "
            "à 5,00 crédits ou moins.\n\n"
            "Sur le compte sms-ab12345-1 lui-même, il reste 1190,00 crédits.\n\n"
            "La prochaine alerte ne partira qu'une fois les crédits repassés au-dessus de 5,00."
            + FOOT.format(settings.PANEL_URL)
        )
        assert '<html lang="fr">' in told.html
        assert ">Toutes les alertes</a>" in told.html

    def test_of_an_account(self):
        account = make_account(name="sms-ab12345-1", credits=4, language="fr")

        told = alert_texts.email_of(AlertTexts(), an_alert(account))

        assert told.subject == "sms-ab12345-1 : il reste 4,00 crédits SMS"
        assert "Il reste 4,00 crédits SMS sur le compte sms-ab12345-1." in told.body

    @pytest.mark.parametrize(
        ("kind", "subject", "says"),
        [
            (Alert.Kind.TEST, "Test : script1 : il reste", "Ceci est un test"),
            (Alert.Kind.REMINDER, "Rappel : script1 : il reste", "Bonjour"),
            (Alert.Kind.ALL_CLEAR, "script1 : de nouveau 4,00 crédits SMS", "rien à faire"),
        ],
    )
    def test_of_each_kind(self, kind, subject, says):
        told = alert_texts.email_of(AlertTexts(), an_alert(kind=kind))

        assert told.subject.startswith(subject)
        assert says in told.body
        assert says in told.html

    def test_says_how_long_the_credits_last(self, time_machine):
        alert = an_alert()
        time_machine.move_to(datetime(2026, 8, 2, tzinfo=UTC))
        for ago in (1, 2):
            DaySpent.objects.create(
                wallet_id=alert.subject.wallet_id,
                day=AT.date() - timedelta(days=ago - 1),
                credits=Decimal(2),
            )

        told = alert_texts.email_of(AlertTexts(), alert)

        pace = (
            "Au rythme des 2 derniers jours (4,00 crédits), les crédits dureront environ 2 jours."
        )
        assert pace in told.body

    def test_in_the_place_of_an_sms_says_why(self):
        alert = make_alerted(BOTH, credits=0)
        accounts.change(alert.account, {"language": "fr"}, by=None)
        Wallet.objects.filter(pk=alert.account.wallet_id).update(credits=0)

        alerts.alert_due()

        [told] = mail.outbox
        assert "Les crédits du compte ne suffisaient pas pour payer le SMS." in told.body

    def test_has_the_holders_words_with_french_figures_and_moments(self):
        texts = AlertTexts(
            email_customised=True, email_subject="x", email_body="|DATE| |REMAINING| |CREDITSLEFT|"
        )

        told = alert_texts.email_of(texts, an_alert())

        assert told.body.startswith("02/08/2026 00:30 4,00 1190,00\n\n")

    def test_leaves_the_language_of_whoever_writes_it_alone(self):
        alert_texts.email_of(AlertTexts(), an_alert())

        assert translation.get_language() == "en"


@pytest.mark.django_db
class TestSms:
    def test_is_as_short_as_one_that_a_holder_may_write(self):
        ours = alert_texts.defaults(an_alert().account).sms

        assert len(ours) <= 70
        assert ours == "|USER| : |REMAINING| crédits SMS restants, alerte à |ALERTTHRESHOLD|"

    @pytest.mark.parametrize("kind", Alert.Kind)
    def test_is_one_part_in_the_alphabet_of_sms_for_the_longest_login(self, kind):
        account = make_account(credits=10_000_000, language="fr", time_zone="Europe/Paris")
        alert = an_alert(make_api_user(account=account, login="x" * 40, quota=4), kind=kind)
        alert.balance = alert.threshold = Decimal("1000000.00")

        length = gsm.measure(alert_texts.sms_of(AlertTexts(), alert))

        assert (length.coding, length.parts) == ("gsm7", 1)

    def test_keeps_to_the_alphabet_in_whatever_a_variable_holds(self):
        texts = AlertTexts(sms_customised=True, sms_text="|DATE| |CREDITSLEFT| |REMAINING|")

        said = alert_texts.sms_of(texts, an_alert())

        assert said == "02/08/2026 00:30 1190,00 4,00"
        assert gsm.measure(said).coding == "gsm7"


@pytest.mark.django_db
class TestMailAboutACallback:
    @pytest.fixture
    def endpoint(self):
        account = make_account(
            owner=make_user("alice@example.com"),
            name="sms-ab12345-1",
            time_zone="Europe/Paris",
            language="fr",
        )
        make_api_user(account=account, login="shop", callback="https://example.com/dlr?key=1")
        return CallbackEndpoint.objects.create(
            account=account,
            url="https://example.com/dlr?key=1",
            failing_since=AT,
            to_tell_at=AT,
        )

    def told(self) -> tuple[str, str]:
        assert callback_endpoints.tell_due() == 1
        return str(mail.outbox[0].subject), str(mail.outbox[0].body)

    def test_that_fails(self, endpoint):
        subject, body = self.told()

        assert subject == "sms-ab12345-1 : un callback échoue"
        assert body == (
            "Bonjour,\n\n"
            "Un callback du compte SMS sms-ab12345-1 échoue à chaque appel depuis le "
            "02/08/2026 00:30. Si rien ne change, il sera désactivé le 07/08/2026 00:30 (CEST).\n\n"
            "Serveur appelé\u00a0: example.com\n"
            "Utilisateurs API\u00a0: shop\n\n"
            "Consultez ici chaque appel et sa réponse, réactivez le callback et renvoyez ce qui a "
            "échoué\u00a0:\n"
            f"{settings.PANEL_URL}/sms/sms-ab12345-1/callbacks/\n"
        )

    @pytest.mark.parametrize(
        ("because", "says"),
        [("gone", "a répondu 410"), ("failing", "Aucun appel n'a abouti depuis cinq jours.")],
    )
    def test_that_was_switched_off(self, endpoint, because, says):
        CallbackEndpoint.objects.update(off_at=AT, off_because=because)
        Account.objects.update(callback_url=endpoint.url)

        subject, body = self.told()

        assert subject == "sms-ab12345-1 : un callback a été désactivé"
        assert "Un callback du compte SMS sms-ab12345-1 a été désactivé. " in body
        assert says in body
        assert "C'est le callback du compte lui-même.\n" in body


def test_reasons_for_a_mail_have_french_words():
    known = {message.id for message in catalogue()}

    assert {str(label) for label in Notification.Hindrance.labels} <= known
    assert {str(label) for label in CallbackEndpoint.OffBecause.labels} <= known
