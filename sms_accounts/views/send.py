"""The tab "Send" of an account: an order is typed, counted, confirmed, and seen on its way."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages as notices
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from sms_accounts import batch_plans, batches, countries, gsm, receiver_lists, tasks
from sms_accounts.forms.send import ConfirmForm, SendForm, typed_in
from sms_accounts.models import Account, Batch, ReceiverFile, Sender
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    posted,
    show,
    visible_account,
    who,
)

# So many of the latest orders stand under the form.
MOST_SHOWN = 5
_MOST_NAMED = 3
# What the buttons beside Continue ask for.
_COUNT, _PLAIN, _NO_FILE = "count", "plain", "no-file"
_PROGRESS = "progress"
_CODINGS = {"gsm7": "GSM 03.38", "ucs2": "Unicode"}
_LONGEST_KEY = 18


@dataclass(frozen=True, kw_only=True)
class CountryRow:
    """What goes to one country, as the pages show it."""

    name: str
    receivers: int
    parts: int
    credits: Decimal


@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, name: str) -> HttpResponse:
    if request.method == "POST":
        return _review(request, managed_account(request, name))
    account = visible_account(request, name)
    changes = may_change(request, account)
    form = _blank_form(request, account) if changes else None
    return _show_form(request, account, form)


def _review(request: HttpRequest, account: Account) -> HttpResponse:
    """Take an order that was typed to its confirmation; show the form again for less."""
    file = _file(request, account)
    if request.POST.get("do") in (_COUNT, _PLAIN, _NO_FILE):
        return _show_form(request, account, _form_so_far(request, account, file))
    form = SendForm(
        posted(request),
        account=account,
        senders=_senders(account),
        typed={},
        file=file.kept,
        file_problem=file.problem,
    )
    if form.is_valid():
        try:
            batch = batches.write(form.wanted(), form.plan, by=who(request))
        except batches.TooOften:
            form.add_error(None, _("That was often: wait a minute, then press Continue again."))
        else:
            return redirect("batch", account.name, batch.pk)
    return _show_form(request, account, form, file=file)


@require_POST
def send_count(request: HttpRequest, name: str) -> HttpResponse:
    """Show what the words and receivers typed so far come to."""
    account = managed_account(request, name)
    file = _file(request, account)
    form = _form_so_far(request, account, file)
    context = {
        **_counted(form, account, file),
        # The browser would send the file again with every letter typed.
        "is_new_file": "file" in request.FILES,
        "form": form,
    }
    return show(request, "sms/send/count.html", account, context)


@dataclass(frozen=True)
class _File:
    """The file that an order has, or what is wrong with the one that was chosen now."""

    kept: ReceiverFile | None = None
    problem: str = ""


def _file(request: HttpRequest, account: Account) -> _File:
    chosen = request.FILES.get("file")
    if request.POST.get("do") == _NO_FILE:
        return _File()
    if isinstance(chosen, UploadedFile):
        return _chosen_file(request, account, chosen)
    key = request.POST.get("file_key", "")
    if not (key.isascii() and key.isdecimal() and len(key) <= _LONGEST_KEY):
        return _File()
    return _File(ReceiverFile.objects.filter(account=account, pk=int(key)).first())


def _chosen_file(request: HttpRequest, account: Account, chosen: UploadedFile[bytes]) -> _File:
    # One byte more tells that it is too large.
    content = chosen.read(receiver_lists.LARGEST_FILE + 1)
    try:
        kept = batches.keep_file(account, chosen.name or "", content, by=who(request))
    except receiver_lists.NotReadable as unreadable:
        return _File(problem=_not_readable(unreadable))
    return _File(kept)


def _not_readable(unreadable: receiver_lists.NotReadable) -> str:
    match unreadable:
        case receiver_lists.NoNumbers(columns=()):
            return _("This file is empty. Its first line names the columns, one of them “number”.")
        case receiver_lists.NoNumbers(columns=columns):
            shown = ", ".join(column[:40] for column in columns[:10])
            return _("This file has no column “number”. Its columns are: %(columns)s.") % {
                "columns": shown
            }
        case receiver_lists.TwoAlike():
            return _("Two columns of this file have the same name. Rename one of them.")
        case receiver_lists.TooMany():
            return _("This file is too large: at most %(rows)s rows and %(size)d MB.") % {
                "rows": f"{receiver_lists.MOST_RECEIVERS:,}",
                "size": receiver_lists.LARGEST_FILE // 1024**2,
            }
        case receiver_lists.NoRows():
            return _("This file has no row under the names of its columns.")
        case _:
            return _("This is no CSV file. In a spreadsheet, choose “Save as” and then CSV.")


def _senders(account: Account) -> list[str]:
    enabled = Sender.objects.enabled_for(account, None)
    return list(enabled.order_by("name").values_list("name", flat=True))


def _blank_form(request: HttpRequest, account: Account) -> SendForm:
    """Return an empty form, or one with the order that somebody goes back to change."""
    default = account.default_sender
    typed: Mapping[str, object] = {"sender": default.name} if default else {}
    file: ReceiverFile | None = None
    key = request.GET.get("change", "")
    if key.isascii() and key.isdecimal() and len(key) <= _LONGEST_KEY:
        written = Batch.objects.filter(account=account, emptied_at=None, pk=int(key))
        batch = get_object_or_404(written.select_related("account", "file"))
        typed, file = typed_in(batch), batch.file
    return SendForm(None, account=account, senders=_senders(account), typed=typed, file=file)


def _form_so_far(request: HttpRequest, account: Account, file: _File) -> SendForm:
    """Return the form as it was typed, without finding fault with what is not there yet."""
    typed: dict[str, object] = dict(request.POST.items())
    if request.POST.get("do") == _PLAIN:
        typed["text"] = gsm.with_plain_signs(str(typed.get("text", "")))
    return SendForm(
        None,
        account=account,
        senders=_senders(account),
        typed=typed,
        file=file.kept,
        file_problem=file.problem,
    )


def _show_form(
    request: HttpRequest, account: Account, form: SendForm | None, *, file: _File | None = None
) -> HttpResponse:
    latest = Batch.objects.visible_to(request.user).filter(account=account).order_by("-pk")
    context = {
        **header(account, current="send"),
        "form": form,
        "has_senders": form is not None and bool(_senders(account)),
        "latest": latest[:MOST_SHOWN],
        **(_counted(form, account, file or _File(form.kept_file)) if form else {}),
    }
    return show(request, "sms/send/send.html", account, context)


def _counted(form: SendForm, account: Account, file: _File) -> dict[str, object]:
    plan = form.plan
    length = plan.length
    prices = ((one.msisdn, one.parts, one.credits) for one in plan.receivers)
    return {
        "plan": plan,
        "coding": _CODINGS[length.coding],
        "characters": len(plan.sample),
        "length": length,
        "beyond": gsm.beyond_gsm7(form.text_so_far),
        "has_plain_signs": gsm.with_plain_signs(form.text_so_far) != form.text_so_far,
        "countries": _country_rows(batch_plans.by_country(prices)),
        "is_dear": plan.credits > account.wallet.spendable,
        "left_out": _left_out(plan),
        "shown_sender": form.sender_so_far,
        "kept_file": file.kept,
        "file_problem": file.problem,
        "count_url": reverse("send-count", args=[account.name]),
    }


def _left_out(plan: batch_plans.Plan) -> list[str]:
    """Return how many receivers are left out for each reason, and a few of them."""
    return [
        told % {"count": len(given), "some": ", ".join(one[:40] for one in given[:_MOST_NAMED])}
        for told, given in (
            (_("%(count)d twice (%(some)s)"), plan.duplicates),
            (_("%(count)d no number (%(some)s)"), plan.invalid),
            (_("%(count)d that cannot be sent to (%(some)s)"), plan.not_served),
            (_("%(count)d opted out (%(some)s)"), plan.opted_out),
        )
        if given
    ]


def _country_rows(sums: list[batch_plans.OfCountry]) -> list[CountryRow]:
    language = get_language() or "en"
    return [
        CountryRow(
            name=countries.name_of(one.country, language) if one.country else _("Country unknown"),
            receivers=one.receivers,
            parts=one.parts,
            credits=one.credits,
        )
        for one in sums
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def batch(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Show an order: what it would cost while it is not confirmed, then how far it is."""
    find = managed_account if request.method == "POST" else visible_account
    account = find(request, name)
    found = _found(request, account, pk)
    if request.method == "POST":
        return _confirm(request, found)
    if found.state == Batch.State.DRAFT:
        return _ask(request, found)
    return _show_progress(request, found)


def _found(request: HttpRequest, account: Account, pk: int) -> Batch:
    """Return an order; what is not confirmed is shown to those alone who may."""
    batch = get_object_or_404(
        Batch.objects.filter(account=account).select_related("account__wallet"), pk=pk
    )
    if batch.state == Batch.State.DRAFT and not may_change(request, account):
        raise Http404
    return batch


def _ask(request: HttpRequest, batch: Batch) -> HttpResponse:
    account = batch.account
    is_dear = batch.credits > account.wallet.spendable
    sums = [
        batch_plans.OfCountry(country, receivers, parts, Decimal(credits))
        for country, receivers, parts, credits in batch.countries
    ]
    first = batch.rows.order_by("pk").first()
    sample = batch_plans.sent_text(
        (first.text if first else "") or batch.text, stop_clause=batch.stop_clause
    )
    context = {
        **header(account, current="send"),
        "batch": batch,
        "countries": _country_rows(sums),
        "is_dear": is_dear,
        "affordable": batches.affordable(batch) if is_dear else None,
        "sample": sample,
        "length": gsm.measure(sample),
        "coding": _CODINGS[gsm.coding_of(sample)],
        "shown_sender": batch.sender,
        "left_out": batch.left_out,
        "is_merged": bool(first and first.text),
    }
    return show(request, "sms/send/confirm.html", account, context)


def _confirm(request: HttpRequest, batch: Batch) -> HttpResponse:
    form = ConfirmForm(request.POST)
    try:
        if form.is_valid() and batches.confirm(
            batch, most=form.cleaned_data["most"], by=who(request)
        ):
            tasks.ring(tasks.send_batches)
    except batches.NotConfirmed as refused:
        notices.error(request, _not_confirmed(refused))
    return redirect("batch", batch.account.name, batch.pk)


def _not_confirmed(refused: batches.NotConfirmed) -> str:
    match refused:
        case batches.PricesChanged():
            return _("The price has changed meanwhile. Look at it again; nothing was sent.")
        case batches.SenderGone():
            return _("This sender cannot be used any more. Go back and choose another.")
        case batches.TimePassed():
            return _("The time to send at has passed. Go back and choose another.")
        case batches.AccountDisabled():
            return _("This account is disabled: nothing can be sent. Ask the staff.")
        case _:
            return _("The account has not enough credits left for this; nothing was sent.")


def _show_progress(request: HttpRequest, batch: Batch) -> HttpResponse:
    account = batch.account
    is_over = batch.state != Batch.State.SENDING
    context = {
        "batch": batch,
        "decided": batch.accepted + batch.refused,
        "is_over": is_over,
        "may_change": may_change(request, account),
        "may_go_on": batch.state == Batch.State.STOPPED and batch.emptied_at is None,
        "kept_hours": int(batches.KEPT.total_seconds() // 3600),
    }
    htmx = getattr(request, "htmx", None)
    if htmx is not None and htmx.target == _PROGRESS:
        answer = show(request, "sms/send/progress_region.html", account, context)
        if is_over:
            # The header tells the credits of before.
            answer["HX-Refresh"] = "true"
        return answer
    context = {**header(account, current="send"), **context}
    return show(request, "sms/send/progress.html", account, context)


@require_POST
def batch_stop(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    batch = _found(request, managed_account(request, name), pk)
    if batches.stop(batch, by=who(request)):
        notices.success(request, _("Stopped: nobody else is sent to."))
    else:
        notices.info(request, _("Nothing was changed: it was over already."))
    return redirect("batch", batch.account.name, batch.pk)


@require_POST
def batch_go_on(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    batch = _found(request, managed_account(request, name), pk)
    try:
        if batches.go_on(batch, by=who(request)):
            tasks.ring(tasks.send_batches)
        else:
            notices.info(request, _("Nothing was changed: there is nothing to go on with."))
    except batches.NotConfirmed as refused:
        notices.error(request, _not_confirmed(refused))
    return redirect("batch", batch.account.name, batch.pk)
