"""Stops API users that do what they never did, where a rule is to do so; lets them send again.

Each event counts once: from when a user breaks a rule until it does so no longer. Whoever lets a
user send again has seen what there was, and the same event does not stop it anew.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from sms_accounts import activity, notices, oddities
from sms_accounts.models import (
    Account,
    ApiUser,
    Habit,
    Incident,
    Notice,
    Rule,
    RuleAction,
    RuleChoice,
    User,
)
from sms_accounts.oddities import Finding, Oddity

# Users that one transaction looks at, and how long one run goes on.
PORTION = 100
A_RUN = timedelta(seconds=20)
# Who broke a rule is looked at again so much later, also where nothing came since.
LOOK_AGAIN = timedelta(minutes=15)

# By rule; None is what holds for all users of the account.
Choices = Mapping[Rule, RuleAction | None]


def choices_of(subject: ApiUser | Account) -> dict[Rule, RuleAction | None]:
    """Return what was chosen for one user, or for all that have no choice of their own."""
    stored = {each.rule: RuleAction(each.action) for each in _choices(subject)}
    return {rule: stored.get(rule) for rule in Rule}


def set_choices(subject: ApiUser | Account, choices: Choices, *, by: User | None) -> bool:
    """Store what rules do about a user, or about all of an account; return whether it differs.

    An event that goes on already stops its user, where the rule is to do so from now on.
    """
    with transaction.atomic():
        _lock(subject)
        before = choices_of(subject)
        changed = [rule for rule in Rule if before[rule] != choices[rule]]
        if not changed:
            return False
        _choices(subject).filter(rule__in=changed).delete()
        is_user = isinstance(subject, ApiUser)
        RuleChoice.objects.bulk_create(
            RuleChoice(
                account_id=subject.account_id if isinstance(subject, ApiUser) else subject.pk,
                api_user_id=subject.pk if is_user else None,
                rule=rule,
                action=action,
            )
            for rule in changed
            if (action := choices[rule]) is not None
        )
        activity.record(
            by,
            "rules changed",
            subject,
            before={_name(rule): before[rule] for rule in changed},
            after={_name(rule): choices[rule] for rule in changed},
        )
        _judge_soon(subject)
    return True


def _lock(subject: ApiUser | Account) -> None:
    rows = ApiUser.objects if isinstance(subject, ApiUser) else Account.objects
    rows.select_for_update(no_key=True).filter(pk=subject.pk).values_list("pk").first()


def _choices(subject: ApiUser | Account) -> QuerySet[RuleChoice]:
    if isinstance(subject, ApiUser):
        return RuleChoice.objects.filter(api_user=subject)
    return RuleChoice.objects.filter(account=subject, api_user=None)


def _name(rule: Rule) -> str:
    return f"rule {rule}"


def _judge_soon(subject: ApiUser | Account) -> None:
    incidents = Incident.objects.filter(ended_at=None)
    of_subject = (
        incidents.filter(api_user=subject)
        if isinstance(subject, ApiUser)
        else incidents.filter(account=subject)
    )
    Habit.objects.filter(api_user__in=of_subject.values("api_user")).update(judge_at=timezone.now())


def judge_due(*, within: timedelta = A_RUN) -> int:
    """Look at the users of whom something was added up; return how many were stopped."""
    began = time.monotonic()
    paused = 0
    while (portion := _judge_portion(timezone.now())) is not None:
        paused += portion
        if time.monotonic() - began >= within.total_seconds():
            break
    return paused


def _judge_portion(now: datetime) -> int | None:
    due = Habit.objects.filter(judge_at__lte=now).order_by("judge_at", "api_user")
    # Mostly there is none: then nobody needs to wait for whoever writes to SQLite.
    if not due.exists():
        return None
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True, of=("self",), no_key=True)
        users = list(rows.values_list("pk", flat=True)[:PORTION])
        if not users:
            return None
        return _judge(users, now=now)


def _judge(users: Sequence[int], *, now: datetime) -> int:
    """Begin and end the events of some users, whose habits are locked; return how many stop."""
    found: defaultdict[int, dict[str, Oddity]] = defaultdict(dict)
    for oddity in oddities.found_of(users, now=now):
        found[oddity.habit.pk][oddity.rule] = oddity
    known: defaultdict[int, dict[str, Incident]] = defaultdict(dict)
    for incident in Incident.objects.filter(api_user__in=users, ended_at=None):
        known[incident.api_user_id][incident.rule] = incident
    paused = 0
    # In the order of their keys, as all who lock several users.
    for user in sorted(found.keys() | known.keys()):
        paused += _judge_one(found[user], known[user], now=now)
    Habit.objects.filter(pk__in=users).update(judge_at=None)
    Habit.objects.filter(pk__in=list(found)).update(judge_at=now + LOOK_AGAIN)
    return paused


def _judge_one(
    found: Mapping[str, Oddity], known: Mapping[str, Incident], *, now: datetime
) -> bool:
    for rule, incident in known.items():
        if rule not in found or _is_another(found[rule].finding, incident):
            Incident.objects.filter(pk=incident.pk).update(ended_at=now)
    is_paused = False
    for rule, oddity in found.items():
        before = known.get(rule)
        is_new = before is None or _is_another(oddity.finding, before)
        incident = _begun(oddity, now=now) if before is None or is_new else before
        if oddity.action == RuleAction.PAUSE:
            is_paused |= _pause(oddity, incident, now=now)
    return is_paused


def _is_another(finding: Finding, incident: Incident) -> bool:
    """Tell whether it is not what was seen before: it goes to yet another country."""
    return not set(finding.countries) <= set(incident.figures["countries"])


def _begun(oddity: Oddity, *, now: datetime) -> Incident:
    user = oddity.habit.api_user
    return Incident.objects.create(
        account_id=user.account_id,
        api_user=user,
        rule=oddity.rule,
        figures=oddity.finding.stored(),
        began_at=now,
    )


def _pause(oddity: Oddity, incident: Incident, *, now: datetime) -> bool:
    """Stop a user because of an event, unless that was done already; return whether it was."""
    if incident.paused_at is not None or incident.released_at is not None:
        return False
    user = oddity.habit.api_user
    # Whoever lets the user send again changes this row first, and then the event.
    running = ApiUser.objects.filter(pk=user.pk, is_enabled=True, deleted_at=None)
    if running.select_for_update(no_key=True).values_list("pk").first() is None:
        return False
    figures = oddity.finding.stored()
    unseen = Incident.objects.filter(pk=incident.pk, paused_at=None, released_at=None)
    if not unseen.update(paused_at=now, figures=figures):
        return False
    running.update(is_enabled=False)
    told = {name: value for name, value in figures.items() if value not in ([], 0)}
    activity.record(None, "paused", user, after={"rule": str(oddity.rule), **told})
    notices.tell_later(user.account, Notice.Kind.PAUSED, str(incident.pk), user=user, at=now)
    return True


def release(user: ApiUser, *, by: User | None, now: datetime) -> list[str]:
    """Let go on what rules have found about a user; return the rules that had stopped it.

    To be called in the transaction that lets the user send again.
    """
    seen = Incident.objects.filter(
        Q(ended_at=None) | Q(paused_at__isnull=False), api_user=user, released_at=None
    )
    stopping = seen.filter(paused_at__isnull=False).order_by("rule")
    rules = list(stopping.values_list("rule", flat=True))
    seen.update(released_at=now, released_by=by)
    return rules
