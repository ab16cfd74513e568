"""Alone hands a mail to the mail server, and says in our words what that answered."""

import contextlib
import smtplib
from typing import TYPE_CHECKING, Any

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp

# Answers of this kind say that the panel may not send at all, which staff can put right.
_MAY_NOT_SEND = range(530, 540)


class NotTaken(Exception):
    """The mail server did not take the mail; the text says why."""


class Refused(NotTaken):
    """It never will: the receiver, the sender or the mail itself is not acceptable."""


class TryLater(NotTaken):
    """It may take it later, or was not there."""


if TYPE_CHECKING:
    _Base = smtplib.SMTP
else:
    _Base = object


class _Answering(_Base):
    """Keeps what the server answered to the mail itself, which smtplib would drop."""

    answer = ""

    def data(self, msg: Any) -> tuple[int, bytes]:
        code, said = super().data(msg)
        self.answer = _told(code, said)
        return code, said


class _Smtp(_Answering, smtplib.SMTP):
    pass


class _SmtpOverTls(_Answering, smtplib.SMTP_SSL):
    pass


class _Backend(smtp.EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SmtpOverTls if self.use_ssl else _Smtp


def send(message: EmailMessage) -> str:
    """Send one mail; return the mail server's answer, empty where there is no such server.

    Raises Refused or TryLater. A connection that breaks before the answer is TryLater: the mail
    may then come twice, with the same Message-ID.
    """
    try:
        return _sent(message)
    except smtplib.SMTPRecipientsRefused as refused:
        # One mail has one receiver.
        [(code, said)] = refused.recipients.values()
        raise _kind_of(code)(_told(code, said)) from refused
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as refused:
        raise _kind_of(refused.smtp_code)(_told(refused.smtp_code, refused.smtp_error)) from refused
    except ValueError as unfit:
        # A header or an address that cannot be written: it will not be one later.
        raise Refused(str(unfit)) from unfit
    except (smtplib.SMTPException, OSError) as failed:
        raise TryLater(str(failed) or type(failed).__name__) from failed


def _sent(message: EmailMessage) -> str:
    usual = get_connection()
    if type(usual) is not smtp.EmailBackend:
        message.send()
        return ""
    backend = _Backend()
    backend.open()
    try:
        message.connection = backend
        message.send()
        return getattr(backend.connection, "answer", "")
    finally:
        # The mail is taken, or is not: how the farewell goes changes nothing.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            backend.close()


def _kind_of(code: int) -> type[NotTaken]:
    return Refused if code >= 500 and code not in _MAY_NOT_SEND else TryLater


def _told(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"
