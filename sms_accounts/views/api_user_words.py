"""Says in plain sentences what the settings of an API user mean at this moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import get_text_list
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from sms_accounts import countries, oddities, oddity_words
from sms_accounts.callback_figures import shown_url
from sms_accounts.models import (
    Account,
    ApiUser,
    CallbackSecret,
    Incident,
    QuotaRenewal,
    ReplySettings,
    Rule,
    RuleAction,
)
from sms_accounts.templatetags.panel import moment, number, shown_credits


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: what it is called, what it means now, and the page that changes it."""

    name: str
    sentences: Sequence[str]
    page: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class Paused:
    """That a rule has stopped an API user: when, and what it had found."""

    api_user: ApiUser
    at: datetime
    title: str
    sentence: str


def paused_words(incident: Incident, account: Account) -> Paused:
    """Return in words why a user is stopped; it comes with the event."""
    at = incident.paused_at or incident.began_at
    told = oddity_words.told(oddities.finding_of(incident), zone=ZoneInfo(account.time_zone), at=at)
    return Paused(api_user=incident.api_user, at=at, title=told.title, sentence=told.sentence)


def settings_of(user: ApiUser, *, now: datetime) -> list[Setting]:
    """Return all settings, in the order of the menu that people know."""
    named = (
        (_("Password"), _password(user, now=now), "api-user-password", "key"),
        (_("Quota"), _quota(user), "api-user-quota", "pie-chart"),
        (_("Limit"), [_limit(user)], "api-user-limit", "bell"),
        (_("Restrictions"), [_restrictions(user)], "api-user-restrictions", "shield-lock"),
        (_("Callback"), _callback(user, now=now), "api-user-callback", "link-45deg"),
        (_("Protection"), _protection(user), "api-user-protection", "shield-check"),
        (_("Rules"), rule_lines(oddities.actions_of(user)), "api-user-rules", "toggle-on"),
    )
    return [
        Setting(name=name, sentences=sentences, page=page, icon=icon)
        for name, sentences, page, icon in named
    ]


def _password(user: ApiUser, *, now: datetime) -> list[str]:
    sentences = [format_html(_("Set {}."), moment(user.password_changed_at))]
    if not user.has_former_password(now):
        return [*sentences, _("It is the only one that works.")]
    if user.former_password_until is None:
        return [*sentences, _("The old one works too, until somebody stops it.")]
    return [
        *sentences,
        format_html(_("The old one works too, and ends {}."), moment(user.former_password_until)),
    ]


def _quota(user: ApiUser) -> list[str]:
    if not user.has_quota:
        return [_("None: it spends the account's credits, as far as they go.")]
    text = _("%(left)s credits are its own; once they are used up, it can send no more.")
    own = text % {"left": shown_credits(user.wallet.credits)}
    renewal = getattr(user, "renewal", None)
    return [own, *(renewal_lines(renewal) if renewal else [])]


def renewal_name(renewal: QuotaRenewal) -> str:
    """Return how often a quota renews, in few words."""
    names = {
        QuotaRenewal.Period.DAY: _("renews daily"),
        QuotaRenewal.Period.WEEK: _("renews weekly"),
        QuotaRenewal.Period.MONTH: _("renews monthly"),
    }
    return names[QuotaRenewal.Period(renewal.period)]


def renewal_lines(renewal: QuotaRenewal) -> list[str]:
    """Return when a quota is filled up again, and what it lacks since the last time."""
    at = timezone.localtime(renewal.renews_at, ZoneInfo(renewal.api_user.account.time_zone))
    next_time = _("It is filled up to %(credits)s again on %(at)s.") % {
        "credits": shown_credits(renewal.credits),
        "at": at.strftime("%Y-%m-%d %H:%M %Z"),
    }
    if not renewal.missing:
        return [next_time]
    missing = _("%(credits)s were missing in the account and follow as soon as it has them.")
    return [next_time, missing % {"credits": shown_credits(renewal.missing)}]


def _limit(user: ApiUser) -> str:
    if not user.alert_enabled:
        return _("Off: nobody hears when its credits run low.")
    return _("At %(level)s credits or below, an alert goes to %(addresses)s.") % {
        "level": shown_credits(user.alert_threshold),
        "addresses": get_text_list(addresses_of(user), _("and")) or _("the account's holder"),
    }


def addresses_of(user: ApiUser) -> list[str]:
    """Return where the alerts of a user go to."""
    addresses = []
    if user.alert_support != ApiUser.Support.SMS:
        addresses.append(user.alert_email)
    if user.alert_support != ApiUser.Support.EMAIL and user.alert_msisdn:
        addresses.append(f"+{user.alert_msisdn}")
    return [address for address in addresses if address]


def _restrictions(user: ApiUser) -> str:
    if not user.restrictions:
        return _("None: http2sms accepts its calls from anywhere.")
    networks = get_text_list(user.restrictions, _("and"))
    if user.restrictions_observed:
        text = _("Only observed: calls from elsewhere than %(networks)s are listed, not refused.")
    else:
        text = _("http2sms accepts its calls from %(networks)s only.")
    return text % {"networks": networks}


def _callback(user: ApiUser, *, now: datetime) -> list[str]:
    return [_callback_of_changes(user, now=now), *_callback_of_replies(user)]


def _callback_of_replies(user: ApiUser) -> list[str]:
    settings: ReplySettings | None = getattr(user, "reply_settings", None)
    url = settings.url if settings else ""
    return [_("%(url)s is told of replies.") % {"url": shown_url(url)}] if url else []


def _callback_of_changes(user: ApiUser, *, now: datetime) -> str:
    if not user.callback_url:
        return _("None: no URL is told what becomes of its messages.")
    is_signed = CallbackSecret.objects.valid(now).filter(api_user=user).exists()
    text = (
        _("%(url)s is told of each change of a message's state, by signed calls.")
        if is_signed
        else _("%(url)s is told of each change of a message's state, by calls without signature.")
    )
    return text % {"url": shown_url(user.callback_url)}


def _protection(user: ApiUser) -> list[str]:
    in_url = (
        _("A password in the URL is refused.")
        if user.refuses_url_passwords
        else _("A password in the URL is accepted.")
    )
    return [in_url, _pace(user), _where_to(user)]


def _pace(user: ApiUser) -> str:
    if user.messages_a_minute is None:
        return _("It sends as fast as it can.")
    text = ngettext(
        "It sends at most %(count)s message a minute.",
        "It sends at most %(count)s messages a minute.",
        user.messages_a_minute,
    )
    return text % {"count": number(user.messages_a_minute)}


def _where_to(user: ApiUser) -> str:
    if not user.countries:
        return _("It may send to every country.")
    language = get_language() or "en"
    names = sorted(countries.name_of(country, language) for country in user.countries)
    return _("It may send to %(countries)s only.") % {"countries": get_text_list(names, _("and"))}


def rule_lines(actions: Mapping[Rule, RuleAction]) -> list[str]:
    """Return which rules pause, which warn, and which are off."""
    texts = {
        RuleAction.PAUSE: _("Paused at once by: %(rules)s."),
        RuleAction.WARN: _("Only warned of: %(rules)s."),
        RuleAction.OFF: _("Off: %(rules)s."),
    }
    lines = []
    for action, text in texts.items():
        if names := [str(rule.label) for rule in Rule if actions[rule] == action]:
            lines.append(text % {"rules": get_text_list(names, _("and"))})
    return lines
