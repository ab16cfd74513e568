"""Shows staff the mails that the embedded default wrote to a folder instead of sending them."""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sms_accounts.views.account_page import who

EMBEDDED = "django.core.mail.backends.filebased.EmailBackend"
# What Django's backend writes after each mail of a file; all its mails begin with that header.
_RULE = re.compile(rb"\n-{79}\n(?=Content-Type: |\Z)")
MOST = 100


@dataclass(frozen=True)
class Mail:
    """A mail as a person reads it."""

    subject: str
    sender: str
    receivers: str
    at: datetime | None
    body: str


@require_safe
def mail(request: HttpRequest) -> HttpResponse:
    if not who(request).is_staff or settings.EMAIL_BACKEND != EMBEDDED:
        raise Http404
    mails = list(islice(_newest_first(Path(settings.MAIL_DIR)), MOST))
    return render(request, "sms/mail.html", {"mails": mails})


def _newest_first(folder: Path) -> Iterator[Mail]:
    # A file holds the mails of one connection.
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in files:
        for written in reversed(_RULE.split(path.read_bytes())):
            if written.strip():
                yield _read(written)


def _read(written: bytes) -> Mail:
    message = email.message_from_bytes(written.lstrip(), policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError("The policy makes modern messages.")
    body = message.get_body(("plain",))
    sent = message["Date"]
    return Mail(
        subject=str(message["Subject"] or ""),
        sender=str(message["From"] or ""),
        receivers=str(message["To"] or ""),
        at=_aware(sent.datetime) if sent and sent.datetime else None,
        body=body.get_content() if body else "",
    )


def _aware(at: datetime) -> datetime:
    # Mails say -0000 where they mean UTC without claiming that the sender lives there.
    return at if at.tzinfo else at.replace(tzinfo=UTC)
