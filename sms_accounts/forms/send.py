"""The form of the tab "Send": one text, to whom, under which sender, and when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from crispy_forms.bootstrap import StrictButton
from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Layout
from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sms_accounts import batch_plans, batches, local_times, orders, receiver_lists
from sms_accounts.forms.layout import Details
from sms_accounts.models import Account, Batch, ReceiverFile
from sms_accounts.receiver_lists import LARGEST_FILE, MOST_RECEIVERS

LONGEST_TEXT = 2000
# More would bury the field.
_MOST_TOLD = 5
_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")

Choices = Sequence[tuple[str, str]]


class SendForm(forms.Form):
    """An order; when it is valid, `wanted()` returns it and `plan` says what it comes to.

    Without data it shows what was typed so far, `typed`, and finds no fault with it.
    """

    sender = forms.ChoiceField(
        label=gettext_lazy("Sender"),
        error_messages={
            "required": gettext_lazy("Choose what handsets show as the sender."),
            "invalid_choice": gettext_lazy("%(value)s cannot be used any more. Choose another."),
        },
    )
    receivers = forms.CharField(
        label=gettext_lazy("Receivers"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Type or paste numbers in any form, one a line or with commas or semicolons between "
            "them."
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("or a CSV file"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        strip=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": gettext_lazy("Enter the text of the SMS.")},
    )
    stop_clause = forms.BooleanField(
        label=gettext_lazy("Add a STOP clause"),
        required=False,
        help_text=gettext_lazy(
            "Needed for advertising to numbers in France: the text must say how to refuse more of "
            "it. Not needed for codes, appointments and other messages that somebody waits for."
        ),
    )
    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        widget=forms.RadioSelect,
        choices=[("now", gettext_lazy("Now")), ("later", gettext_lazy("Later, at this time:"))],
        error_messages={"required": gettext_lazy("Choose now or later.")},
    )
    at = forms.CharField(
        label=gettext_lazy("Time to send at"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"type": "datetime-local"}),
    )
    flash = forms.BooleanField(
        label=gettext_lazy("Flash"),
        required=False,
        help_text=gettext_lazy(
            "Shows at once on the screen, and most handsets do not keep it. Not every operator "
            "takes part."
        ),
    )
    tag = forms.CharField(
        label=gettext_lazy("Tag"),
        required=False,
        max_length=orders.LONGEST_TAG,
        help_text=gettext_lazy("A word by which you find these messages again."),
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        account: Account,
        senders: Sequence[str],
        typed: Mapping[str, object],
        file: ReceiverFile | None,
        file_problem: str = "",
    ) -> None:
        super().__init__(data, initial={"when": "now", **typed})
        self._account = account
        self._senders = senders
        self.kept_file = file
        self._file_problem = file_problem
        _offer(self.fields["sender"], senders)
        self.fields["file"].help_text = _(
            "With a column “%(number)s”, and others to fill the text with: {name} becomes what the "
            "row has under name. At most %(rows)s rows and %(size)d MB."
        ) % {
            "number": receiver_lists.NUMBER,
            "rows": f"{MOST_RECEIVERS:,}",
            "size": LARGEST_FILE // 1024**2,
        }
        self.fields["at"].help_text = _("In the account's time zone, %(zone)s.") % {
            "zone": account.time_zone
        }
        self.helper = _helper()

    @property
    def has_more(self) -> bool:
        """Whether something that few need is used."""
        return any(self._typed(name) or name in self.errors for name in ("flash", "tag"))

    @property
    def text_so_far(self) -> str:
        return _with_line_breaks(self._typed("text")[:LONGEST_TEXT])

    @property
    def sender_so_far(self) -> str:
        """The one chosen, or else the first one that there is."""
        typed = self._typed("sender")
        return typed if typed in self._senders else next(iter(self._senders), "")

    @cached_property
    def plan(self) -> batch_plans.Plan:
        """What was typed so far comes to."""
        columns: Sequence[str] = ()
        given: Sequence[receiver_lists.Given]
        if self.kept_file is not None:
            table = receiver_lists.read(self.kept_file.content)
            columns, given = table.columns, table.rows
        else:
            given = receiver_lists.typed(self._typed("receivers"))[: MOST_RECEIVERS + 1]
        return batch_plans.plan(
            self._account,
            self.text_so_far,
            given,
            stop_clause=bool(self._typed("stop_clause")),
            columns=columns,
        )

    def _typed(self, name: str) -> str:
        """Return what stands in a field, checked or not."""
        value = self.data.get(name, "") if self.is_bound else self.initial.get(name, "")
        return str(value or "").replace("\0", "")

    def clean_text(self) -> str:
        text = _with_line_breaks(self.cleaned_data["text"])
        if not text.strip():
            raise forms.ValidationError(self.fields["text"].error_messages["required"])
        if self.plan.unknown:
            raise forms.ValidationError(self._unknown())
        if self.plan.most_parts > settings.MAX_PARTS:
            raise forms.ValidationError(self._too_long())
        return text

    def _unknown(self) -> str:
        names = get_text_list([f"{{{name}}}" for name in self.plan.unknown[:_MOST_TOLD]], _("and"))
        if self.kept_file is None:
            hint = _(
                "Nothing fills %(names)s: choose a CSV file with such a column, or leave it out."
            )
            return hint % {"names": names}
        columns = receiver_lists.read(self.kept_file.content).columns
        return _("The file has no column for %(names)s. Its columns are %(columns)s.") % {
            "names": names,
            "columns": get_text_list(list(columns), _("and")),
        }

    def _too_long(self) -> str:
        values = {
            "parts": self.plan.most_parts,
            "most": settings.MAX_PARTS,
            "row": self.plan.longest_row,
        }
        if self.plan.longest_row:
            return (
                _("The text of row %(row)d takes %(parts)d parts; at most %(most)d can be sent.")
                % values
            )
        return _("The text takes %(parts)d parts; at most %(most)d can be sent.") % values

    def clean(self) -> None:
        self._check_receivers()
        if self.cleaned_data.get("when") == "later":
            self._check_time()

    def _check_receivers(self) -> None:
        typed = str(self.cleaned_data.get("receivers", "")).strip()
        if self._file_problem:
            self.add_error("file", self._file_problem)
        elif self.kept_file is not None and typed:
            self.add_error("receivers", _("Type numbers or choose a file, not both: empty one."))
        elif self.kept_file is None and not typed:
            self.add_error("receivers", _("Enter at least one number, or choose a file."))
        elif len(receiver_lists.typed(typed)) > MOST_RECEIVERS:
            told = _("At most %(most)s numbers can be sent to at once.")
            self.add_error("receivers", told % {"most": f"{MOST_RECEIVERS:,}"})
        elif not self.plan.receivers:
            self.add_error("file" if self.kept_file else "receivers", self._nobody())

    def _nobody(self) -> str:
        left_out = (*self.plan.invalid, *self.plan.not_served, *self.plan.opted_out)
        wrong = left_out[:_MOST_TOLD]
        told = ngettext(
            "%(numbers)s is no number that can be sent to.",
            "None of these can be sent to: %(numbers)s.",
            len(wrong),
        )
        hint = ""
        if not self._account.home_country:
            hint = " " + _("Write numbers with their country code, such as +33639980004.")
        return told % {"numbers": ", ".join(one[:40] for one in wrong)} + hint

    def _check_time(self) -> None:
        local = _local(self.cleaned_data.get("at", ""))
        if local is None:
            self.add_error("at", _("Enter a day and a time, such as 2026-01-31 14:30."))
            return
        zone = ZoneInfo(self._account.time_zone)
        try:
            moment = local_times.moment_of(local, zone)
        except local_times.NoSuchTime:
            self.add_error(
                "at", _("The clocks are put forward over this time. Choose one before or after.")
            )
            return
        if moment <= timezone.now():
            now = timezone.localtime(timezone.now(), zone)
            self.add_error(
                "at",
                _("This has passed: it is %(now)s there. Choose a time to come.")
                % {"now": f"{now:%Y-%m-%d %H:%M}"},
            )
        self.cleaned_data["moment"] = moment

    def wanted(self) -> batches.Wanted:
        chosen = self.cleaned_data
        return batches.Wanted(
            account=self._account,
            sender=chosen["sender"],
            text=chosen["text"],
            typed=chosen["receivers"],
            file=self.kept_file,
            stop_clause=chosen["stop_clause"],
            is_flash=chosen["flash"],
            tag=chosen["tag"],
            scheduled_at=chosen.get("moment"),
        )


def typed_in(batch: Batch) -> dict[str, object]:
    """Return what somebody typed who goes back to change an order."""
    at = ""
    if batch.scheduled_at is not None:
        zone = ZoneInfo(batch.account.time_zone)
        at = f"{timezone.localtime(batch.scheduled_at, zone):%Y-%m-%dT%H:%M}"
    return {
        "sender": batch.sender,
        "receivers": batch.typed,
        "text": batch.text,
        "stop_clause": batch.stop_clause,
        "flash": batch.is_flash,
        "when": "later" if at else "now",
        "at": at,
        "tag": "" if batch.tag == batches.tag_of(batch) else batch.tag,
    }


def _with_line_breaks(text: str) -> str:
    """Return a text with the line breaks that go on air; browsers send two characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _local(typed: str) -> datetime | None:
    for form in _FORMATS:
        try:
            return datetime.strptime(typed.strip(), form)  # noqa: DTZ007  # the zone comes next
        except ValueError:
            continue
    return None


def _offer(field: forms.Field, senders: Sequence[str]) -> None:
    assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
    field.choices = [(name, name) for name in senders]


def _helper() -> FormHelper:
    helper = FormHelper()
    helper.form_id = "send"
    helper.form_class = "send-form"
    helper.attrs = {"novalidate": ""}
    # Return in a field presses the first button of the form, whatever that does.
    default = StrictButton(
        _("Continue"), type="submit", css_class="visually-hidden", tabindex="-1", aria_hidden="true"
    )
    helper.layout = Layout(
        default,
        "sender",
        "receivers",
        "file",
        HTML('{% include "sms/send/kept_file.html" %}'),
        "text",
        "stop_clause",
        Div("when", "at", css_class="send-when"),
        Details(_("Flash and tag"), "flash", "tag"),
        Div(
            StrictButton(_("Continue"), type="submit", css_class="btn-primary"),
            css_class="form-actions",
        ),
    )
    return helper


class ConfirmForm(forms.Form):
    """Confirms an order: all of it, or the first receivers only, as many as were told."""

    most = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
