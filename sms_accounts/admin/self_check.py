"""The staff's page of the self-check: what the command of that name tells monitors."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from sms_accounts import self_check
from sms_accounts.checking import Level

_WORDS = {
    Level.OK: gettext_lazy("Well"),
    Level.WARN: gettext_lazy("Look soon"),
    Level.FAIL: gettext_lazy("Fails"),
}
_SUMMARIES = {
    Level.OK: gettext_lazy("All is well."),
    Level.WARN: gettext_lazy("It works, but somebody should look at something soon."),
    Level.FAIL: gettext_lazy("Something does not work."),
}


@require_safe
def self_check_page(request: HttpRequest) -> HttpResponse:
    checks = self_check.run()
    context = {
        **admin.site.each_context(request),
        "title": _("Self-check"),
        "checks": [(check, check.level.word, _WORDS[check.level]) for check in checks],
        "level": self_check.worst(checks).word,
        "summary": _SUMMARIES[self_check.worst(checks)],
        "looked_at": timezone.now(),
    }
    return TemplateResponse(request, "admin/self_check.html", context)
