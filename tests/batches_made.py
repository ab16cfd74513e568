"""Orders from the browser, written as the form writes them."""

from decimal import Decimal

from sms_accounts import batch_plans, batches
from sms_accounts.models import Account, Batch, Message, User
from sms_accounts.receiver_lists import read, typed
from tests.factories import SENDER


def numbers(count: int) -> list[str]:
    return [f"3363998{number:04}" for number in range(count)]


def make_batch(
    account: Account,
    *,
    by: User,
    receivers: int | str = 3,
    text: str = "Hello",
    csv: str = "",
    **options,
) -> Batch:
    """An order that is not confirmed yet."""
    listed = "\n".join(numbers(receivers)) if isinstance(receivers, int) else receivers
    table = read(csv) if csv else None
    plan = batch_plans.plan(
        account,
        text,
        table.rows if table else typed(listed),
        stop_clause=options.get("stop_clause", False),
        columns=table.columns if table else (),
    )
    wanted = batches.Wanted(
        account=account, sender=SENDER, text=text, typed="" if csv else listed, **options
    )
    return batches.write(wanted, plan, by=by)


def sent_to(batch: Batch) -> list[str]:
    """The numbers that became messages, in the order in which they did."""
    sent = Message.objects.filter(submission__tag=batch.tag, submission__channel="panel")
    return list(sent.order_by("pk").values_list("msisdn", flat=True))


def now(batch: Batch) -> tuple[str, str, int, int, Decimal]:
    batch.refresh_from_db()
    return batch.state, batch.stopped_because, batch.accepted, batch.left, batch.spent
