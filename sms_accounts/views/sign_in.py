"""Who may sign up: nobody; people are added by staff or by command."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's behaviour, without signing up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
