"""Says in the words of the pages what the change log holds: actions, and values before and after.

They are stored in one language, whoever acts. What has no words here is shown as it is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from sms_accounts.models import Activity

_LONGEST_SHOWN = 200

ACTIONS: Mapping[str, StrOrPromise] = {
    "API user added": gettext_lazy("API user added"),
    "API user deleted": gettext_lazy("API user deleted"),
    "CSV file asked for": gettext_lazy("CSV file asked for"),
    "CSV file stopped": gettext_lazy("CSV file stopped"),
    "URL for replies changed": gettext_lazy("URL for replies changed"),
    "account changed": gettext_lazy("Account changed"),
    "account opened": gettext_lazy("Account opened"),
    "alert sent again": gettext_lazy("Alert sent again"),
    "alert tested": gettext_lazy("Alert tested"),
    "alert texts changed": gettext_lazy("Alert texts changed"),
    "answers to STOP changed": gettext_lazy("Answers to STOP changed"),
    "callback changed": gettext_lazy("Callback changed"),
    "callback secret made": gettext_lazy("Callback secret made"),
    "callback secrets ended": gettext_lazy("Callback secrets ended"),
    "callback sent again": gettext_lazy("Callback sent again"),
    "callback switched on": gettext_lazy("Callback switched on"),
    "cancellation asked for": gettext_lazy("Cancelling of all found asked for"),
    "cancellation stopped": gettext_lazy("Cancelling stopped"),
    "credits granted": gettext_lazy("Credits granted"),
    "credits received": gettext_lazy("Credits received"),
    "credits taken back": gettext_lazy("Credits taken back"),
    "credits transferred": gettext_lazy("Credits transferred"),
    "disabled": gettext_lazy("Disabled"),
    "enabled": gettext_lazy("Enabled"),
    "failed callbacks sent again": gettext_lazy("Failed callbacks sent again"),
    "former password ended": gettext_lazy("Old password ended"),
    "keeping of texts changed": gettext_lazy("Keeping of texts changed"),
    "limit changed": gettext_lazy("Limit changed"),
    "member added": gettext_lazy("Member added"),
    "member changed": gettext_lazy("Member changed"),
    "member removed": gettext_lazy("Member removed"),
    "message cancelled": gettext_lazy("Message cancelled"),
    "message released": gettext_lazy("Message released"),
    "messages cancelled": gettext_lazy("Messages cancelled"),
    "messages sent": gettext_lazy("Messages sent"),
    "opt-outs added": gettext_lazy("Opt-outs added"),
    "opt-outs removed": gettext_lazy("Opt-outs removed"),
    "password changed": gettext_lazy("Password changed"),
    "paused": gettext_lazy("Paused by a rule"),
    "protection changed": gettext_lazy("Protection changed"),
    "quota changed": gettext_lazy("Quota changed"),
    "quota renewed": gettext_lazy("Quota renewed"),
    "released": gettext_lazy("Released"),
    "renewal of quota changed": gettext_lazy("Renewal of quota changed"),
    "reserve changed": gettext_lazy("Reserve changed"),
    "restrictions changed": gettext_lazy("Restrictions changed"),
    "rules changed": gettext_lazy("Rules changed"),
    "sender added": gettext_lazy("Sender added"),
    "sender asked for": gettext_lazy("Sender asked for"),
    "sender changed": gettext_lazy("Sender changed"),
    "sender enabled": gettext_lazy("Sender enabled"),
    "sender refused": gettext_lazy("Sender refused"),
    "sender removed": gettext_lazy("Sender removed"),
    "sender waiting": gettext_lazy("Sender waiting"),
    "sender withdrawn": gettext_lazy("Sender withdrawn"),
    "sending again stopped": gettext_lazy("Sending again stopped"),
    "sending gone on with": gettext_lazy("Sending gone on with"),
    "sending stopped": gettext_lazy("Sending stopped"),
    "users of sender changed": gettext_lazy("Users of a sender changed"),
}
_NAMES: Mapping[str, StrOrPromise] = {
    "accepted": gettext_lazy("accepted"),
    "all_clear": gettext_lazy("all-clear"),
    "because": gettext_lazy("because"),
    "before": gettext_lazy("usual before"),
    "countries": gettext_lazy("countries"),
    "credits": gettext_lazy("credits"),
    "description": gettext_lazy("description"),
    "email": gettext_lazy("email"),
    "enabled": gettext_lazy("enabled"),
    "former password works until": gettext_lazy("old password works until"),
    "hours": gettext_lazy("hours in UTC"),
    "levels": gettext_lazy("further levels"),
    "login": gettext_lazy("ID"),
    "messages_a_minute": gettext_lazy("messages a minute"),
    "filled up to": gettext_lazy("filled up to"),
    "messages": gettext_lazy("messages"),
    "method": gettext_lazy("method"),
    "missing": gettext_lazy("missing in the account"),
    "networks": gettext_lazy("restrictions"),
    "notification": gettext_lazy("notification"),
    "number": gettext_lazy("number"),
    "numbers": gettext_lazy("numbers"),
    "of": gettext_lazy("of the last 24 hours"),
    "observed": gettext_lazy("observe only"),
    "person": gettext_lazy("person"),
    "quiet_from": gettext_lazy("no SMS from"),
    "quiet_until": gettext_lazy("no SMS until"),
    "quota": gettext_lazy("quota"),
    "reason": gettext_lazy("reason"),
    "receivers": gettext_lazy("receivers"),
    "refuses_url_passwords": gettext_lazy("refuses passwords in URLs"),
    "reminder_days": gettext_lazy("days between reminders"),
    "renews": gettext_lazy("renews"),
    "role": gettext_lazy("role"),
    "rule": gettext_lazy("rule"),
    "rule burst": gettext_lazy("burst"),
    "rule country": gettext_lazy("new country"),
    "rule failures": gettext_lazy("many failures"),
    "rule hours": gettext_lazy("unusual hours"),
    "sender": gettext_lazy("sender"),
    "status": gettext_lazy("state"),
    "threshold": gettext_lazy("alert threshold"),
    "too late": gettext_lazy("too late"),
    "url": gettext_lazy("URL"),
    "users": gettext_lazy("users"),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """An activity as pages show it; `lines` say what it was, and what it is now."""

    at: datetime
    action: str
    about: str
    by: str
    address: str
    lines: Sequence[str]


def told(activity: Activity) -> Change:
    """Return an activity in words. Its person and its API user are to be there already."""
    before, after = activity.before, activity.after
    names = [*before, *(name for name in after if name not in before)]
    return Change(
        at=activity.at,
        action=str(ACTIONS.get(activity.action, activity.action)),
        about=activity.api_user.login if activity.api_user else "",
        by=activity.by.email if activity.by else _("The program"),
        address=activity.address or "",
        lines=[
            _line(name, before.get(name), after.get(name))
            for name in names
            if before.get(name) != after.get(name)
        ],
    )


def _line(name: str, before: object, after: object) -> str:
    values = {
        "name": _NAMES.get(name, name.replace("_", " ")),
        "before": _value(name, before),
        "after": _value(name, after),
    }
    if before is None:
        return _("%(name)s: %(after)s") % values
    return _("%(name)s: %(before)s → %(after)s") % values


def _value(name: str, value: object) -> str:
    if value is None or value == "" or value == []:
        return "-"
    if name == "url":
        # The query of a callback's URL may hold a key of its receiver.
        url, mark, _query = str(value).partition("?")
        return f"{url}?…" if mark else url
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return Truncator(text).chars(_LONGEST_SHOWN)
