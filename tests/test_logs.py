"""Logs: nothing that must never be written down gets into a line."""

import logging

import pytest
import structlog

from panel import logs


@pytest.fixture
def lines():
    """The lines that the panel's own formatter writes, from structlog and from libraries."""
    written: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler = Keeping()
    configuration = logs.configuration("INFO")["formatters"]["line"]
    handler.setFormatter(
        logs.RedactingFormatter(
            processors=configuration["processors"],
            foreign_pre_chain=configuration["foreign_pre_chain"],
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def test_a_query_string_is_cut(lines):
    logging.getLogger("django.request").warning(
        "Not Found: %s", "/http2sms?password=Secret1234&message=hello"
    )

    assert "Not Found: /http2sms?…" in lines[0]
    assert "Secret1234" not in lines[0]


def test_a_number_shows_its_last_three_digits_only(lines):
    structlog.get_logger("sms_accounts.delivery").warning("refused", receiver="33639980004")

    assert "…004" in lines[0]
    assert "33639980004" not in lines[0]


def test_a_traceback_is_redacted_too(lines):
    try:
        raise ValueError("GET /http2sms?password=Secret1234")
    except ValueError:
        logging.getLogger("django.request").exception("failed")

    assert "Traceback" in lines[0]
    assert "Secret1234" not in lines[0]
