"""The page that imports API users from CSV: what is wrong, who would come, and who came."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from sms_accounts import tasks, user_imports
from sms_accounts.forms.user_import import COLUMNS, ImportForm
from sms_accounts.models import Account
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.user_imports import Ending, Newcomer
from sms_accounts.views.account_page import back_to_list, managed_account, posted, show, who
from sms_accounts.views.csv_files import csv_text
from sms_accounts.views.recent_sign_in import recent_sign_in_required


@dataclass(frozen=True, kw_only=True)
class Row:
    """A newcomer as it is shown: before it is added, or with what came of it."""

    login: str
    quota: str
    alert: str
    restrictions: str
    callback: str
    password: str = ""
    outcome: str = ""
    is_refused: bool = False


@sensitive_post_parameters("text")
@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_import(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = ImportForm(posted(request), request.FILES or None, account=account)
    context: dict[str, object] = {"form": form, "back": back_to_list(request, account)}
    if not form.is_valid():
        context |= {"problems": form.problems, "columns": COLUMNS, "most": user_imports.MOST}
        return show(request, "sms/api_users/import.html", account, context)
    if form.is_confirmed:
        return _add(request, account, form, context)
    form.ask()
    count = len(form.newcomers)
    context |= {
        "rows": [_row(each) for each in form.newcomers],
        "question": ngettext("Add %d API user?", "Add %d API users?", count) % count,
        "sum": shown_credits(user_imports.quotas_of(form.newcomers)),
        "left": shown_credits(account.wallet.spendable),
        "generated": sum(not each.password for each in form.newcomers),
    }
    return show(request, "sms/api_users/import_question.html", account, context)


def _add(
    request: HttpRequest, account: Account, form: ImportForm, context: dict[str, object]
) -> HttpResponse:
    given = {each.login for each in form.newcomers if each.password}
    outcomes = user_imports.add_each(account, form.with_passwords(), by=who(request))
    tasks.ring(tasks.alert_due)
    rows = [
        _row(newcomer, ending, is_given=newcomer.login in given) for newcomer, ending in outcomes
    ]
    added = [newcomer for newcomer, ending in outcomes if ending == Ending.ADDED]
    context |= {
        "rows": rows,
        "heading": ngettext("%d API user added", "%d API users added", len(added)) % len(added),
        "refused": len(rows) - len(added),
        "file": _file(added),
        "file_name": f"{account.name}-passwords.csv",
    }
    return show(request, "sms/api_users/imported.html", account, context)


def _file(added: Sequence[Newcomer]) -> str:
    """Return a file with all passwords as a URL: they are kept nowhere, and shown this once."""
    lines = [("login", "password"), *((each.login, each.password) for each in added)]
    return f"data:text/csv;charset=utf-8,{quote(csv_text(lines))}" if added else ""


def _row(newcomer: Newcomer, ending: Ending | None = None, *, is_given: bool = False) -> Row:
    endings = {
        None: "",
        Ending.ADDED: _("Added"),
        Ending.LOGIN_TAKEN: _("The account has an API user of that name already"),
        Ending.NOT_COVERED: _("The account has not enough credits left"),
    }
    limit = newcomer.limit
    alert = [shown_credits(limit.threshold), limit.email] if limit else []
    if limit and limit.msisdn:
        alert.append(f"+{limit.msisdn}")
    if ending is None:
        shown = _("as given") if newcomer.password else _("is generated")
    elif ending == Ending.ADDED:
        shown = _("as given") if is_given else newcomer.password
    else:
        shown = "-"
    return Row(
        login=newcomer.login,
        quota=shown_credits(newcomer.quota),
        alert=", ".join(filter(None, alert)),
        restrictions=", ".join(newcomer.restrictions),
        callback=newcomer.callback.partition("?")[0],
        password=shown,
        outcome=endings[ending],
        is_refused=ending not in (None, Ending.ADDED),
    )
