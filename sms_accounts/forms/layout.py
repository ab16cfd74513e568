"""Lays out the forms of the panel: fields, then Cancel and the button that goes ahead."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from crispy_forms.bootstrap import StrictButton
from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Layout
from django import forms
from django.forms.renderers import BaseRenderer
from django.forms.utils import flatatt
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise


def laid_out(
    *fields: object, confirm: str = "", css_class: str = "", is_dangerous: bool = False
) -> FormHelper:
    """Return the helper that `{% crispy form %}` draws a form with.

    Browsers do not check such a form: all errors stand beside their fields, in our words. The
    page says in `back` where Cancel leads.
    """
    helper = FormHelper()
    helper.form_class = css_class
    helper.attrs = {"novalidate": ""}
    # `__init__` of a form asks for its fields' helper, and may add to this layout later.
    helper.layout = Layout(
        *fields,
        Div(
            HTML('{% include "components/cancel.html" %}'),
            StrictButton(
                confirm or _("Confirm"),
                type="submit",
                css_class="btn-danger" if is_dangerous else "btn-primary",
            ),
            css_class="form-actions",
        ),
    )
    return helper


def in_a_row(*fields: str, more: Sequence[str] = ()) -> FormHelper:
    """Return the helper of a form above a table: its fields side by side, which a GET sends off.

    `more` are those that few search by: they stand behind a summary unless one is filled in, as
    all do on a phone.
    """
    helper = FormHelper()
    helper.form_method = "get"
    helper.form_class = "filter-form"
    helper.attrs = {"novalidate": ""}
    helper.layout = Layout(_Filters(fields, more))
    return helper


class _Filters:
    """The fields of a form above a table, drawn by one template.

    Crispy draws each by several: ten filters would take longer than the rows below them.
    """

    # More of them would push the table off the screen of a phone.
    FEW = 2

    def __init__(self, fields: Sequence[str], more: Sequence[str]) -> None:
        self.fields = fields
        self.more = more

    def render(
        self, form: forms.BaseForm, _context: Context, template_pack: str = "", **_kwargs: object
    ) -> SafeString:
        all_of_them = [*self.fields, *self.more]
        folds = len(all_of_them) > self.FEW
        return render_to_string(
            "components/filters.html" if folds else "components/filter_fields.html",
            {
                "fields": [_drawn(form[name]) for name in self.fields],
                "more": [_drawn(form[name]) for name in self.more],
                "is_open": _is_filled_in(form, all_of_them),
                "has_more": _is_filled_in(form, self.more),
            },
        )


def _drawn(field: forms.BoundField) -> tuple[forms.BoundField, SafeString]:
    is_choice = isinstance(field.field.widget, forms.Select)
    css_class = "form-select" if is_choice else "form-control"
    if field.errors:
        css_class += " is-invalid"
    return field, field.as_widget(attrs={"class": css_class})


def _is_filled_in(form: forms.BaseForm, names: Sequence[str]) -> bool:
    return any(form.data.get(name) for name in names)


class Details(Div):  # type: ignore[misc]  # crispy has no types
    """Fields that few need: put away behind a summary, unless they are used.

    The page's context says in `form.has_more` whether it stands open from the first.
    """

    template = "components/details.html"

    def __init__(
        self, summary: StrOrPromise, *fields: object, css_class: str = "explanation"
    ) -> None:
        super().__init__(*fields, css_class=css_class)
        self.summary = summary

    def render(
        self, form: forms.BaseForm, context: Context, template_pack: str = "", **kwargs: object
    ) -> SafeString:
        fields = self.get_rendered_fields(form, context, template_pack, **kwargs)
        is_open = getattr(form, "has_more", False)
        return render_to_string(
            self.template, {"details": self, "fields": fields, "is_open": is_open}
        )


class LongSelect(forms.Select):
    """A choice among many, drawn at once.

    Django draws each option by a template, all of which take longer than the rest of a page.
    """

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        choices = tuple((str(key), str(label)) for key, label in self.choices)
        options = _options(choices, "" if value is None else str(value))
        given = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        return format_html("<select{}>{}</select>", flatatt(given), options)


@lru_cache(maxsize=128)
def _options(choices: tuple[tuple[str, str], ...], chosen: str) -> SafeString:
    # Kept: the countries alone are two hundred, and the same on every page.
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((key, mark_safe(" selected") if key == chosen else "", label) for key, label in choices),
    )
