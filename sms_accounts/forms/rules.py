"""The form that says what each rule does that finds something unusual about API users."""

from collections.abc import Mapping

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import oddities
from sms_accounts.forms.layout import laid_out
from sms_accounts.models import Rule, RuleAction

Choices = Mapping[Rule, RuleAction | None]

_WRONG = gettext_lazy("Choose one of the list.")


def explained() -> dict[Rule, str]:
    """Return the rules by which something is unusual, in words."""
    return {
        Rule.FAILURES: _(
            "%(percent)d %% or more of at least %(ended)d messages that have ended failed, and "
            "at least twice as many as before."
        )
        % {"percent": 100 * oddities.FAILURES, "ended": oddities.FEWEST_ENDED},
        Rule.BURST: _(
            "%(messages)d messages or more, and over %(times)d times those of a day before."
        )
        % {"messages": oddities.FEWEST_IN_BURST, "times": oddities.BURST},
        Rule.COUNTRY: _("%(messages)d messages or more to a country for the first time.")
        % {"messages": oddities.FEWEST_ABROAD},
        Rule.HOURS: _(
            "%(messages)d messages or more in hours of the day in which less than %(percent)d %% "
            "were sent before."
        )
        % {"messages": oddities.FEWEST_IN_RARE_HOURS, "percent": 100 * oddities.RARE_HOUR},
    }


class RulesForm(forms.Form):
    """What each rule does; when it is valid, `choices()` returns it.

    With `inherited`, what the account says, a user may have no choice of its own; without, it
    is the form of the account itself, whose rules warn where nothing else was chosen.
    """

    def __init__(
        self,
        data: QueryDict | None,
        *,
        stored: Choices,
        inherited: Mapping[Rule, RuleAction] | None = None,
    ) -> None:
        without_choice = "" if inherited else RuleAction.WARN
        super().__init__(
            data, initial={rule: action or without_choice for rule, action in stored.items()}
        )
        self._is_of_account = inherited is None
        for rule, text in explained().items():
            self.fields[rule] = forms.ChoiceField(
                label=rule.label,
                help_text=text,
                required=self._is_of_account,
                choices=[*_as_account(rule, inherited), *RuleAction.choices],
                error_messages={"required": _WRONG, "invalid_choice": _WRONG},
            )
        self.helper = laid_out(*self.fields)

    def choices(self) -> dict[Rule, RuleAction | None]:
        return {rule: self._chosen(self.cleaned_data[rule]) for rule in Rule}

    def _chosen(self, value: str) -> RuleAction | None:
        if not value or (self._is_of_account and value == RuleAction.WARN):
            return None
        return RuleAction(value)


def _as_account(rule: Rule, inherited: Mapping[Rule, RuleAction] | None) -> list[tuple[str, str]]:
    if inherited is None:
        return []
    return [("", _("As the account says: %(action)s") % {"action": inherited[rule].label})]
