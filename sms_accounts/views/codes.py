"""The page that explains all ptt codes and DLR ids."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sms_accounts import codes


@dataclass(frozen=True, kw_only=True)
class PttTold:
    """One code, as pages show it."""

    ptt: int | None
    description: str
    is_final: bool
    duration: str
    advice: str


def told(ptt: int | None) -> PttTold:
    """Return what a code means. One that is not in the table is kept, and shown as such."""
    if ptt not in codes.PTTS:
        unknown = _("Not in the table") if ptt is not None else _("No code yet")
        return PttTold(ptt=ptt, description=unknown, is_final=False, duration="", advice="")
    known = codes.PTTS[ptt]
    durations = {
        "permanent": _("permanent"),
        "temporary": _("temporary"),
        "indeterminated": _("indeterminate"),
    }
    return PttTold(
        ptt=ptt,
        description=_(known.description),
        is_final=known.is_final,
        duration=durations.get(known.duration, ""),
        advice=_(codes.ADVICE[ptt]) if ptt in codes.ADVICE else "",
    )


@require_safe
def code_tables(request: HttpRequest) -> HttpResponse:
    context = {
        "ptts": [told(ptt) for ptt in codes.PTTS],
        "dlr_ids": [
            (dlr_id, _(text), _(codes.DLR_MEANINGS[dlr_id]))
            for dlr_id, text in codes.DLR_TEXTS.items()
        ],
    }
    return render(request, "sms/codes.html", context)
