"""What the log says of calls of http2sms, without what must never stand there."""

import logging
from datetime import timedelta

import structlog

from sms_accounts.endpoints.http2sms_answers import Answer, Refused
from sms_accounts.endpoints.http2sms_request import Said
from sms_accounts.models import ApiUser
from sms_accounts.models.api_user import Address

log = structlog.get_logger(__name__)
_logger = logging.getLogger(__name__)

# For a database that is away: it may be back soon, and nobody knows when.
_SOON = timedelta(seconds=10)


def without_database(away: Exception) -> Refused:
    """Note that the database is away, and return what a caller is told then."""
    # Only its kind: what a database complains about may be quoted from the statement.
    log.error("http2sms_without_database", problem=type(away).__name__)
    return Refused(
        status=503, cause="Not available at the moment, try again later", retry_after=_SOON
    )


def note(answer: Answer, said: Said, address: Address, user: ApiUser | None) -> None:
    """Write one line about a call; `user` is who has signed in, if anybody has."""
    # What was accepted stands in the database, with more than could be told of it here.
    level = logging.INFO if isinstance(answer, Refused) else logging.DEBUG
    if not _logger.isEnabledFor(level):
        return
    log.log(
        level,
        "http2sms",
        # Whatever came as a login with a wrong password may be a password itself.
        user=f"{user.account.name}/{user.login}" if user else None,
        address=str(address),
        status=answer.status,
        receivers=len(said.receivers),
    )
