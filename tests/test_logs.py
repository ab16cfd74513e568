"""Logs: nothing that must never be written down gets into a line."""

import logging

import pytest
import structlog
from django.db import IntegrityError, transaction
from django.template import engines

from panel import logs
from sms_accounts.models import Submission
from tests.factories import make_api_user, make_submission


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
    logging.getLogger("some.library").warning(
        "Not Found: %s", "/http2sms?password=Secret1234&message=hello"
    )

    assert "Not Found: /http2sms?…" in lines[0]
    assert "Secret1234" not in lines[0]


def test_the_secret_of_a_dlr_url_is_cut(lines):
    logging.getLogger("django.request").error("Internal Server Error: /dlr/acme/s3cr-et_x/")

    assert "/dlr/acme/…/" in lines[0]
    assert "s3cr" not in lines[0]


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


def test_a_traceback_does_not_hold_what_the_database_quotes(lines):
    quoted = (
        'new row violates check constraint "parts_above_zero"\n'
        "DETAIL:  Failing row contains (1, Canary text\nof two lines, 33639980004).\n"
    )
    try:
        try:
            raise ValueError(quoted)
        except ValueError as cause:
            raise IntegrityError(quoted) from cause
    except IntegrityError:
        logging.getLogger("django.request").exception("failed")

    assert "parts_above_zero" in lines[0]
    assert "IntegrityError" in lines[0]
    assert "Canary" not in lines[0]
    assert "two lines" not in lines[0]


@pytest.mark.django_db
def test_a_real_refusal_of_the_database_does_not_tell_the_row(lines):
    submission = make_submission(make_api_user())

    try:
        with transaction.atomic():
            Submission.objects.create(
                account_id=submission.account_id,
                wallet_id=submission.wallet_id,
                text="Canary text",
                credits=1,
                parts=-1,
                created_at=submission.created_at,
            )
    except IntegrityError:
        logging.getLogger("django.request").exception("failed")

    assert "IntegrityError" in lines[0]
    assert "Canary" not in lines[0]


def test_what_a_template_was_given_is_written_at_no_level(lines, caplog):
    caplog.set_level("DEBUG")
    for name, settings in logs.configuration("DEBUG")["loggers"].items():
        caplog.set_level(settings["level"], logger=name)

    page = engines["django"].from_string("{% if absent %}{% endif %}")
    page.render({"link": "https://panel.example/Secret1234/"})

    assert "Secret1234" not in "".join(lines)
