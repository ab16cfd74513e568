"""What all carriers have in common that staff connect, whatever these speak."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.carrier_codes import check_err_codes

_NAME = RegexValidator(
    r"^(?!simulator\Z)[a-z0-9][a-z0-9-]{0,39}\Z",
    _("Small letters, digits and hyphens, at most 40; not 'simulator', which there is already."),
)
_ANOTHER_IS_DEFAULT = _("Another carrier takes all messages without a route. Change that first.")


def between(least: int, most: int) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(least), MaxValueValidator(most)]


class ConnectedCarrier(models.Model):
    """A carrier that staff have set up. It has no table of its own.

    Its password is sealed: `carrier_accounts` alone opens it.
    """

    name = models.CharField(
        _("name"),
        max_length=40,
        unique=True,
        validators=[_NAME],
        help_text=_("Messages are filed under it, so it never changes."),
    )
    description = models.CharField(_("description"), max_length=200, blank=True)
    is_enabled = models.BooleanField(
        _("switched on"), default=False, help_text=_("It may be given messages.")
    )
    is_default = models.BooleanField(
        _("takes all messages without a route"),
        default=False,
        help_text=_(
            "What no route sends elsewhere goes to this carrier from now on. With no carrier "
            "chosen, the one in PANEL_CARRIER takes it."
        ),
    )
    password_sealed = models.TextField(blank=True, editable=False)
    certificates = models.TextField(
        _("certificates"),
        blank=True,
        help_text=_(
            "In PEM: trusted instead of those of the system, for a carrier with a certificate of "
            "its own making."
        ),
    )
    window = models.PositiveSmallIntegerField(
        _("window"),
        default=10,
        validators=between(1, 500),
        help_text=_("How many messages of a bind may wait for their answer at once."),
    )
    rate = models.PositiveIntegerField(
        _("messages a second"),
        null=True,
        blank=True,
        validators=between(1, 10_000),
        help_text=_("Over all binds. Empty: as fast as the window lets through."),
    )
    answer_seconds = models.PositiveSmallIntegerField(
        _("seconds to answer"),
        default=10,
        validators=between(1, 25),
        help_text=_("After this time the outcome of a message counts as unknown."),
    )
    err_codes = models.TextField(
        _("codes in receipts"),
        blank=True,
        validators=[check_err_codes],
        help_text=_("What 'err:' stands for, a line each, such as '011 = 27': code and ptt."),
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a name, or to take what has no route, that a carrier of another kind has.

        No constraint spans two tables. Whoever asks takes the first of all, so that even two at
        the same moment would send nothing twice.
        """
        for other in ConnectedCarrier.__subclasses__():
            if isinstance(self, other):
                continue
            if other._default_manager.filter(name=self.name).exists():
                raise ValidationError({"name": _("Another carrier has this name.")})
            if self.is_default and other._default_manager.filter(is_default=True).exists():
                raise ValidationError({"is_default": _ANOTHER_IS_DEFAULT})


def one_default_that_is_on(*, one: str, is_on: str) -> list[models.BaseConstraint]:
    """Return what holds in the table of each kind, under names of its own."""
    return [
        models.UniqueConstraint(
            fields=["is_default"],
            condition=models.Q(is_default=True),
            name=one,
            violation_error_message=_ANOTHER_IS_DEFAULT,
        ),
        models.CheckConstraint(
            condition=models.Q(is_default=False) | models.Q(is_enabled=True),
            name=is_on,
            violation_error_message=_(
                "A carrier that takes messages without a route must be switched on: they would "
                "wait."
            ),
        ),
    ]
