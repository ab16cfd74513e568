"""Lays out the forms of the panel: fields, then Cancel and the button that goes ahead."""

from crispy_forms.bootstrap import StrictButton
from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Layout
from django.utils.translation import gettext as _


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
