"""The column type of credits; the only place that knows how a credit is stored."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable

SetType = TypeVar("SetType", contravariant=True)
GetType = TypeVar("GetType", covariant=True)

HUNDREDTH = Decimal("0.01")
MOST_CREDITS = Decimal("999999999.99")


def to_hundredths(credits: Decimal | int) -> int:
    """Return credits as a whole number of hundredths; raises ValueError on a finer amount."""
    hundredths = Decimal(credits).scaleb(2)
    whole = int(hundredths)
    if hundredths != whole:
        raise ValueError(f"{credits} is finer than a hundredth of a credit")
    return whole


def from_hundredths(hundredths: int) -> Decimal:
    """Return a whole number of hundredths as credits."""
    return Decimal(hundredths).scaleb(-2)


class CreditsField(models.BigIntegerField[SetType, GetType]):
    """Credits with two places: a Decimal in Python, whole hundredths in the database.

    SQLite has no decimal type: it would keep 0.10 as a float, and after some thousand
    subtractions `credits >= price` would be wrong by a hundredth. Integers are exact in
    both databases.
    """

    description = _("Credits with two places")
    # For the type checker: django-stubs reads what goes in and comes out from these.
    _pyi_private_set_type: "Decimal | int | Combinable"  # type: ignore[assignment]  # not an int
    _pyi_private_get_type: Decimal  # type: ignore[assignment]  # not an int

    def from_db_value(self, value: int | None, *_args: object) -> Decimal | None:
        return None if value is None else from_hundredths(int(value))

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, Decimal):
            return value
        try:
            return Decimal(str(value))
        except ArithmeticError:
            raise ValidationError(_("Enter credits as a number, such as 12.50.")) from None

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return to_hundredths(value)

    def formfield(self, **kwargs: Any) -> Any:
        return models.Field.formfield(
            self,
            **{
                "form_class": forms.DecimalField,
                "decimal_places": 2,
                "max_value": MOST_CREDITS,
                **kwargs,
            },
        )
