"""Submissions, their messages, each message's states, and its attempts at a carrier."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.fields import CreditsField
from sms_accounts.models.route import NO_ROUTE
from sms_accounts.models.wallet import Wallet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User


class State(models.TextChoices):
    """The states of SMPP, and our own before and beside them."""

    SCHEDULED = "scheduled", _("Scheduled")
    QUEUED = "queued", _("Queued")
    SUBMITTING = "submitting", _("Submitting")
    ENROUTE = "enroute", _("On its way")
    DELIVERED = "delivered", _("Delivered")
    EXPIRED = "expired", _("Expired")
    UNDELIVERABLE = "undeliverable", _("Undeliverable")
    REJECTED = "rejected", _("Rejected")
    UNKNOWN = "unknown", _("Outcome unknown")
    CANCELLED = "cancelled", _("Cancelled")


FINAL = frozenset(
    {
        State.DELIVERED,
        State.EXPIRED,
        State.UNDELIVERABLE,
        State.REJECTED,
        State.UNKNOWN,
        State.CANCELLED,
    }
)

# From which states a message may come into each. A queued message may be rejected without
# being submitted; `queued` follows `submitting` when the carrier took nothing.
_BEFORE: dict[State, tuple[State, ...]] = {
    State.QUEUED: (State.SCHEDULED, State.SUBMITTING),
    State.SUBMITTING: (State.QUEUED,),
    State.ENROUTE: (State.SUBMITTING, State.ENROUTE),
    State.CANCELLED: (State.SCHEDULED,),
} | dict.fromkeys(FINAL - {State.CANCELLED}, (State.QUEUED, State.SUBMITTING, State.ENROUTE))


# Word for word as the index has it: SQLite takes a partial index only where it finds the same.
_WITH_CARRIER = models.Q(state="enroute") | models.Q(state="submitting")


class Submission(models.Model):
    """One request to send one text to one or many receivers, as it was accepted and paid."""

    class Channel(models.TextChoices):
        HTTP2SMS = "http2sms", _("http2sms")
        PANEL = "panel", _("Panel")
        REST = "rest", _("JSON API")
        ALERT = "alert", _("Alert")
        ANSWER = "answer", _("Answer to STOP")

    # PostgreSQL is not asked for these three at each message: it lets nobody delete them, see
    # migration 0061. Indexes stand below, each with the key behind it; what a purse paid is found
    # by its entries.
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="submissions", db_index=False, db_constraint=False
    )
    api_user = models.ForeignKey(
        ApiUser,
        models.PROTECT,
        null=True,
        related_name="submissions",
        db_index=False,
        db_constraint=False,
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel.choices)
    sender = models.CharField(_("sender"), max_length=15)
    text = models.TextField(_("text"))
    coding = models.CharField(_("coding"), max_length=4)
    parts = models.PositiveSmallIntegerField(_("parts"))
    message_class = models.PositiveSmallIntegerField(_("class"), null=True, blank=True)
    tag = models.CharField(_("tag"), max_length=20, blank=True)
    credits = CreditsField(_("credits"))
    address = models.GenericIPAddressField(_("from address"), null=True, blank=True)
    scheduled_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)
    created_at = models.DateTimeField(_("accepted"))
    # Since then the text is empty, and of each number the last three digits are left.
    text_removed_at = models.DateTimeField(_("text removed"), null=True, blank=True)
    numbers_removed_at = models.DateTimeField(_("numbers removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        indexes = [
            models.Index(fields=["account", "id"], name="submissions_of_account"),
            models.Index(fields=["api_user", "id"], name="submissions_of_api_user"),
            # Most have no tag, and cost nothing here.
            models.Index(
                fields=["account", "tag", "id"],
                condition=~models.Q(tag=""),
                name="submissions_with_tag",
            ),
            models.Index(
                fields=["account", "created_at", "id"],
                condition=models.Q(numbers_removed_at=None),
                name="submissions_with_numbers",
            ),
            models.Index(
                fields=["api_user", "created_at", "id"],
                condition=models.Q(text_removed_at=None),
                name="submissions_with_text",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(account__memberships__user_id=user.pk)

    def due(self, now: datetime) -> Self:
        """Those to submit now that no other worker holds."""
        return self.filter(state=State.QUEUED, parked_at=None, due_at__lte=now)

    def due_in(self, lane: int, now: datetime) -> Self:
        """Those of them that wait in a lane, the oldest first."""
        return self.due(now).filter(lane=lane).order_by("due_at", "id")

    def come(self, now: datetime) -> Self:
        """Those that were scheduled for now or earlier."""
        return self.filter(state=State.SCHEDULED, due_at__lte=now).order_by("due_at", "id")

    def abandoned(self, now: datetime) -> Self:
        """Those whose worker went away between the claim and the carrier's answer."""
        return self.filter(state=State.SUBMITTING, claimed_until__lt=now)

    def to_decide(self, now: datetime) -> Self:
        """Those of unknown outcome for which the account's policy is to be applied now."""
        return self.filter(state=State.SUBMITTING, decide_at__lte=now).order_by("decide_at", "id")

    def held(self) -> Self:
        """Those of unknown outcome that only a report, staff or the sweep moves on."""
        return self.filter(state=State.SUBMITTING, claimed_until=None, decide_at=None)

    def overdue(self, since: datetime) -> Self:
        """Those with the carrier that nothing was heard of since."""
        return self.filter(_WITH_CARRIER, state_since__lte=since).order_by("state_since", "id")

    def parked(self) -> Self:
        """Those that nobody tries any more until staff release them."""
        return self.filter(parked_at__isnull=False).order_by("parked_at", "id")

    def parked_before(self, since: datetime) -> Self:
        """Those parked so long that were never handed over whole."""
        return self.parked().filter(state=State.QUEUED, parked_at__lte=since)


class Message(models.Model):
    """A text on its way to one number."""

    # PostgreSQL is not asked for these two at each message, as above; see migration 0063 too.
    # The index of the first stands below.
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="messages", db_index=False, db_constraint=False
    )
    submission = models.ForeignKey(
        Submission, models.PROTECT, related_name="messages", db_constraint=False
    )
    msisdn = models.CharField(_("receiver"), max_length=15)
    credits = CreditsField(_("credits"))
    state = models.CharField(_("state"), max_length=13, choices=State.choices, default=State.QUEUED)
    # Both follow from the state and the carrier's code; see `delivery.py`.
    ptt = models.PositiveSmallIntegerField(_("ptt"), null=True, blank=True)
    carrier_code = models.CharField(_("carrier's code"), max_length=40, blank=True)
    carrier = models.CharField(_("carrier"), max_length=40, blank=True)
    # Which carriers it may go to while it waits, the key of a `Lane`; see `lanes.py`.
    lane = models.PositiveIntegerField(_("lane"), default=NO_ROUTE)
    # The row is the job: what is due, who has it, how often it was tried.
    due_at = models.DateTimeField(_("due"))
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # How often no answer came or the program stumbled; when the account's policy for an
    # unknown outcome is applied; since when, and why, nobody tries any more. See `unresolved.py`.
    faults = models.PositiveSmallIntegerField(_("faults"), default=0)
    decide_at = models.DateTimeField(_("policy applied at"), null=True, blank=True)
    parked_at = models.DateTimeField(_("parked"), null=True, blank=True)
    parked_because = models.CharField(_("parked because"), max_length=200, blank=True)
    state_since = models.DateTimeField(_("in this state since"))
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    final_at = models.DateTimeField(_("final"), null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(
                fields=["lane", "due_at", "id"],
                condition=models.Q(state="queued", parked_at=None),
                name="messages_due",
            ),
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="scheduled"),
                name="messages_scheduled",
            ),
            models.Index(
                fields=["claimed_until"],
                condition=models.Q(state="submitting"),
                name="messages_submitting",
            ),
            models.Index(
                fields=["decide_at", "id"],
                condition=models.Q(state="submitting", decide_at__isnull=False),
                name="messages_to_decide",
            ),
            models.Index(
                fields=["state_since", "id"], condition=_WITH_CARRIER, name="messages_with_carrier"
            ),
            models.Index(
                fields=["parked_at", "id"],
                condition=models.Q(parked_at__isnull=False),
                name="messages_parked",
            ),
            models.Index(fields=["account", "id"], name="messages_of_account"),
            models.Index(fields=["msisdn", "account", "id"], name="messages_to_msisdn_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def state_label(self) -> str:
        """The state in words, for long lists: `get_state_display` takes ten times as long."""
        return str(State(self.state).label)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def advance(
        self,
        to: State,
        *,
        since: datetime,
        ptt: int | None = None,
        code: str = "",
        cause: str = "",
        is_taken: bool = False,
    ) -> bool:
        """Move the message forward to a state; return False if that came too late.

        `is_taken` says that the carrier has it: the first time counts as its submission.

        One conditional UPDATE decides between two who try at once. On the way, a change of
        ptt counts as a change too (trouble that is being retried); a repetition does not.
        Final states never change.
        """
        rows = Message.objects.filter(pk=self.pk, state__in=_BEFORE[to])
        if to == State.ENROUTE:
            rows = rows.exclude(state=State.ENROUTE, ptt=ptt)
        changes = self.changes_on(to, since=since, ptt=ptt, code=code, is_taken=is_taken)
        # Whoever holds a transaction gives all of it up where this fails.
        with transaction.atomic(savepoint=False):
            if not rows.update(**changes):
                return False
            MessageEvent.objects.create(
                message=self, state=to, ptt=ptt, code=code[:40], cause=cause[:200], at=since
            )
        for name, value in changes.items():
            setattr(self, name, value)
        return True

    def may_advance(self, to: State, *, ptt: int | None) -> bool:
        """Tell whether the state as it was read may become another one; see `advance`."""
        is_repetition = to == State.ENROUTE and (self.state, self.ptt) == (to, ptt)
        return self.state in _BEFORE[to] and not is_repetition

    def changes_on(
        self, to: State, *, since: datetime, ptt: int | None, code: str, is_taken: bool
    ) -> dict[str, object]:
        """Return the fields that change when the message comes into a state, with their values."""
        changes: dict[str, object] = {
            "state": to,
            "ptt": ptt,
            "carrier_code": code[:40],
            "state_since": since,
            "decide_at": None,
        }
        if is_taken and self.submitted_at is None:
            changes["submitted_at"] = since
        if to in FINAL:
            changes |= {
                "final_at": since,
                "claimed_until": None,
                "parked_at": None,
            }
        return changes


class MessageEvent(models.Model):
    """A state that a message came into, or a note of what came too late to change it."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="events")
    state = models.CharField(_("state"), max_length=13, choices=State.choices, blank=True)
    ptt = models.PositiveSmallIntegerField(_("ptt"), null=True)
    code = models.CharField(_("carrier's code"), max_length=40, blank=True)
    cause = models.CharField(_("cause"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("message event")
        verbose_name_plural = _("message events")

    def __str__(self) -> str:
        return f"{self.state or 'note'} {self.at}"
