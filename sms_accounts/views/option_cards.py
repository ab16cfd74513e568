"""What the tab "Options" says of each option as it stands, and where it is changed."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from sms_accounts import accounts, callback_figures, callback_settings, countries, pauses
from sms_accounts.forms.options import policies
from sms_accounts.models import Account, Rule, RuleAction, Sender
from sms_accounts.templatetags.panel import number, shown_credits
from sms_accounts.views.api_user_words import rule_lines


@dataclass(frozen=True, kw_only=True)
class Way:
    """A dialog that changes an option."""

    url: str
    label: str
    icon: str = "gear"


@dataclass(frozen=True, kw_only=True)
class Card:
    """One option, or a few that belong together: a sentence, or words with what they are."""

    id: str
    title: str
    ways: tuple[Way, ...]
    text: str = ""
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Group:
    """Options under one heading."""

    id: str
    title: str
    cards: tuple[Card, ...]


def groups(account: Account, *, is_signed: bool) -> list[Group]:
    """Return all options; `account` comes with its purse and default sender."""
    return [
        Group("general", _("General"), (_place(account),)),
        Group(
            "sending",
            _("Sending"),
            (_default_sender(account), _unknown_outcome(account), _rules(account)),
        ),
        Group("told", _("Callback"), (_callback(account, is_signed=is_signed),)),
        Group("replies", _("Replies"), (_answers_stop(account),)),
        Group("alerts", _("Alerts"), (_alert(account), _reserve(account))),
        Group("kept", _("Privacy"), (_retention(account),)),
    ]


def _change(account: Account, page: str, *, icon: str = "gear") -> Way:
    return Way(url=reverse(page, args=[account.name]), label=_("Change"), icon=icon)


def _place(account: Account) -> Card:
    clock = timezone.localtime(timezone.now(), ZoneInfo(account.time_zone))
    country = account.home_country
    return Card(
        id="place",
        title=_("Name, time zone, language"),
        words=(
            (_("Display name"), account.description or _("None")),
            (
                _("Time zone"),
                _("%(zone)s, where it is %(time)s")
                % {"zone": account.time_zone, "time": f"{clock:%H:%M}"},
            ),
            (_("Language of alerts"), account.get_language_display()),
            (
                _("Home country"),
                countries.name_of(country, get_language() or "en")
                if country
                else _("None: numbers are in international format"),
            ),
        ),
        ways=(_change(account, "account-place"),),
    )


def _default_sender(account: Account) -> Card:
    sender = account.default_sender
    if sender is None:
        text = _("None: a call of http2sms that names no sender is refused.")
    elif sender.status == Sender.Status.ENABLED:
        text = _("%(sender)s, for calls of http2sms that name none.") % {"sender": sender}
    else:
        text = _(
            "%(sender)s is not enabled any more: calls of http2sms that name no sender are refused."
        ) % {"sender": sender}
    return Card(
        id="default-sender",
        title=_("Default sender"),
        text=text,
        ways=(_change(account, "account-default-sender"),),
    )


def _unknown_outcome(account: Account) -> Card:
    return Card(
        id="unknown-outcome",
        title=_("When the carrier does not answer"),
        text=policies()[account.unknown_outcome],
        ways=(_change(account, "account-unknown-outcome"),),
    )


def _rules(account: Account) -> Card:
    chosen = pauses.choices_of(account)
    actions = {rule: chosen[rule] or RuleAction.WARN for rule in Rule}
    return Card(
        id="rules",
        title=_("When an API user does what it never did"),
        text=" ".join(rule_lines(actions)),
        ways=(_change(account, "account-rules", icon="toggle-on"),),
    )


def _callback(account: Account, *, is_signed: bool) -> Card:
    ways = [_change(account, "account-callback", icon="link-45deg")]
    text = _("None. A URL here hears of the messages of all API users, besides the URL of each.")
    if account.callback_url:
        text = _("%(url)s, by %(method)s.") % {
            "url": callback_figures.shown_url(account.callback_url),
            "method": account.get_callback_method_display(),
        }
    if replies_url := callback_settings.replies_url(account):
        if not account.callback_url:
            text = _("No URL hears of changes.")
        of_replies = _("%(url)s hears of replies.") % {
            "url": callback_figures.shown_url(replies_url)
        }
        text = f"{text} {of_replies}"
    if account.callback_url or replies_url:
        signed = _("Calls are signed.") if is_signed else _("Calls are not signed.")
        text = f"{text} {signed}"
        secret_url = reverse("account-callback-secret", args=[account.name])
        ways.append(Way(url=secret_url, label=_("Secret"), icon="key"))
    return Card(id="callback", title=_("Callback of the account"), text=text, ways=tuple(ways))


def _answers_stop(account: Account) -> Card:
    text = _("Not answered. The number is put on the list of opt-outs all the same.")
    if accounts.answers_stop(account):
        text = _(
            "Answered once by an SMS that the account pays: the phone gets no more messages, and "
            "START brings them back."
        )
    return Card(
        id="answers-stop",
        title=_("When a phone sends STOP"),
        text=text,
        ways=(_change(account, "account-answers-stop"),),
    )


def _alert(account: Account) -> Card:
    text = _("Off. Switched on, somebody hears when the account's own credits run out.")
    if account.alert_enabled:
        text = _("At %(level)s credits or below, told by: %(how)s.") % {
            "level": shown_credits(account.alert_threshold),
            "how": account.get_alert_support_display(),
        }
    return Card(
        id="account-alert",
        title=_("Alert of the account"),
        text=text,
        ways=(_change(account, "account-limit", icon="bell"),),
    )


def _reserve(account: Account) -> Card:
    text = _(
        "None. With a reserve, alert SMS can be paid when nothing else can; without, an email "
        "takes their place."
    )
    if account.wallet.reserve:
        text = _("%(held)s credits pay alert SMS and nothing else.") % {
            "held": shown_credits(account.wallet.reserve)
        }
    return Card(
        id="reserve",
        title=_("Reserve for alerts"),
        text=text,
        ways=(_change(account, "account-reserve"),),
    )


def _retention(account: Account) -> Card:
    days = account.retention_days
    text = _("For ever.")
    if days is not None:
        text = ngettext(
            "For %(days)s day after the end of a message; then its text is removed, and its "
            "number but for three digits.",
            "For %(days)s days after the end of a message; then its text is removed, and its "
            "number but for three digits.",
            days,
        ) % {"days": number(days)}
    return Card(
        id="retention",
        title=_("How long texts and numbers are kept"),
        text=text,
        ways=(_change(account, "account-retention", icon="shield-lock"),),
    )
