"""The columns that say which URL hears of changes, and how; API users and accounts have them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Called(models.Model):
    """Whose URL is called at each change of a message's state. It has no table of its own."""

    class CallbackMethod(models.TextChoices):
        GET = "get", _("GET, values in the query string")
        POST = "post", _("POST, values as JSON")

    callback_url = models.CharField(_("callback"), max_length=2000, blank=True)
    callback_method = models.CharField(
        _("callback method"),
        max_length=4,
        choices=CallbackMethod.choices,
        default=CallbackMethod.GET,
    )

    class Meta:
        abstract = True
