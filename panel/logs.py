"""How the processes log: one line an event, without what must never be written down."""

import logging
import re
from typing import Any

import structlog
import structlog.typing

# Query strings hold passwords and texts; a number may show its last three digits only.
_QUERY = re.compile(r"\?[^\s\"']*")
# Who knows the rest of such a path may report what becomes of messages.
_DLR_SECRET = re.compile(r"(/(?:dlr|received)/[\w-]+/)[\w-]+")
_MSISDN = re.compile(r"\b\d{6,12}(\d{3})\b")


# A database explains an error by quoting the statement or the row, over as many lines as they
# have, up to the next part of the traceback.
_QUOTED_BY_DATABASE = re.compile(
    r"^(LINE \d+|DETAIL|CONTEXT|HINT|QUERY|STATEMENT):.*?"
    r"(?=^(?:The above exception|During handling of|Traceback )|\Z)",
    re.MULTILINE | re.DOTALL,
)


def redact(text: str) -> str:
    """Return a text without queries and secrets, and with numbers cut to their last digits."""
    return _MSISDN.sub(r"…\1", _DLR_SECRET.sub(r"\1…", _QUERY.sub("?…", text)))


def without_quotations(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Take out of a traceback what a database quotes: it may be a text that somebody sends."""
    if isinstance(told := event.get("exception"), str):
        event["exception"] = _QUOTED_BY_DATABASE.sub(r"\1: …\n\n", told)
    return event


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes the line of structlog, Django, Celery and libraries alike, redacted as a whole."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configuration(level: str) -> dict[str, Any]:
    """Return the LOGGING setting; structlog and the standard library share one output."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "panel.logs.RedactingFormatter",
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_quotations,
                    structlog.processors.KeyValueRenderer(
                        key_order=["timestamp", "level", "event"], drop_missing=True
                    ),
                ],
                "foreign_pre_chain": shared,
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django's own handlers would print each line twice.
            "django": {"handlers": [], "level": level, "propagate": True},
            # At DEBUG it writes down whole contexts: the link of a password mail, for one.
            "django.template": {"level": "INFO"},
            # Of each refused request a line: what is refused says so itself where it matters.
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
        },
    }
