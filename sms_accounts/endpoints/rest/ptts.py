"""Explains a ptt code to whoever asks, in English or French."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_safe

from sms_accounts import codes, codes_in_french

# The table changes with a new version of the panel only.
_CACHED = "public, max-age=86400"
# A code that says nothing about later messages, as far as this call has a word for it.
_NOTHING_SAID = "indeterminated"
_NOTHING_TO_DO = "Nothing to do."


@require_safe
@login_not_required
def ptts(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("ptt", "")
    if not asked.isascii() or not asked.isdecimal() or len(asked) > 5:
        return _error(400, "400 Bad Request", "ptt must be a number, such as ptt=4")
    ptt = int(asked)
    if ptt not in codes.PTTS:
        return _error(404, "404 Not Found", f"This ptt code is not in the table: {ptt}")
    answer = JsonResponse(
        _told(ptt, in_french=_prefers_french(request)), json_dumps_params={"ensure_ascii": False}
    )
    answer.headers["Cache-Control"] = _CACHED
    answer.headers["Vary"] = "Accept-Language"
    return answer


def _told(ptt: int, *, in_french: bool) -> dict[str, str]:
    known = codes.PTTS[ptt]
    if in_french:
        comment, description = codes_in_french.COMMENTS[ptt], codes_in_french.DESCRIPTIONS[ptt]
    else:
        comment = gettext(codes.ADVICE.get(ptt, _NOTHING_TO_DO))
        description = gettext(known.description)
    return {
        "comment": comment,
        "description": description,
        "duration": known.duration or _NOTHING_SAID,
    }


def _prefers_french(request: HttpRequest) -> bool:
    """Say whether French comes before English among the languages that a client accepts."""
    for language, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        name = language.partition("-")[0]
        if name in ("fr", "en"):
            return name == "fr"
    return False


def _error(status: int, http_code: str, message: str) -> JsonResponse:
    return JsonResponse({"httpCode": http_code, "message": message}, status=status)
