"""What the speed of http2sms is compared with: two bare Django views, without any middleware.

One answers a fixed text. The other one does what a careful programmer would write by hand for a
call: one statement, one transaction, which takes the credits and stores submission, message and
ledger entry in our tables; it knows no password, no rate and no limit.
"""

import os
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.urls import path
from psycopg_pool import ConnectionPool

ONE_CALL = """
WITH payer AS (
    SELECT u.id, u.account_id, u.wallet_id FROM sms_accounts_apiuser u
    JOIN sms_accounts_account a ON a.id = u.account_id
    WHERE a.name = %(account)s AND u.login = %(login)s AND u.is_enabled AND u.deleted_at IS NULL
), paid AS (
    UPDATE sms_accounts_wallet w SET credits = credits - 100 FROM payer
    WHERE w.id = payer.wallet_id AND w.credits >= 100 RETURNING w.id, w.credits
), submission AS (
    INSERT INTO sms_accounts_submission (account_id, api_user_id, wallet_id, channel, sender, text,
        coding, parts, tag, credits, address, created_at)
    SELECT payer.account_id, payer.id, paid.id, 'http2sms', %(sender)s, %(text)s, 'gsm7', 1, '',
        100, '127.0.0.1', %(now)s
    FROM payer, paid RETURNING id, account_id
), entry AS (
    INSERT INTO sms_accounts_ledgerentry (account_id, wallet_id, api_user_id, kind, credits,
        balance, submission_id, reason, created_at)
    SELECT payer.account_id, paid.id, payer.id, 'debit', -100, paid.credits, submission.id, '',
        %(now)s
    FROM payer, paid, submission
)
INSERT INTO sms_accounts_message (account_id, submission_id, msisdn, credits, state,
    carrier_code, carrier, lane, due_at, tries, faults, parked_because, state_since)
SELECT account_id, id, %(msisdn)s, 100, 'queued', '', '', 0, %(now)s, 0, 0, '', %(now)s
FROM submission RETURNING id, (SELECT credits FROM paid)
"""


# With more of them the calls on one purse wait for each other in the database.
POOL = ConnectionPool(os.environ["DATABASE_URL"], min_size=4, max_size=4, open=False)


def fixed(request: HttpRequest) -> HttpResponse:
    return _answer("OK\n1.00\n1")


def one_transaction(request: HttpRequest) -> HttpResponse:
    given = {
        "account": request.GET["account"],
        "login": request.GET["login"],
        "sender": request.GET["from"],
        "text": request.GET["message"],
        "msisdn": request.GET["to"],
        "now": datetime.now(UTC),
    }
    with POOL.connection() as connection:
        row = connection.execute(ONE_CALL, given).fetchone()
    if row is None:
        return _answer("KO\nNot enough credits")
    credits = f"{row[1] // 100}.{row[1] % 100:02}"
    return _answer(f"OK\n{credits}\n{row[0]}")


def _answer(text: str) -> HttpResponse:
    length = {"Content-Length": str(len(text))}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=length)


urlpatterns = [
    path("fixed", fixed),
    path("healthz/", fixed),
    path("http2sms", one_transaction),
]
