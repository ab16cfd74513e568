"""Adds a person who can sign in, or sets this person's password."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.management.base import BaseCommand

from sms_accounts.management.commands._answers import all_or_nothing, answer, naming
from sms_accounts.models import User


class Command(BaseCommand):
    help = (
        "Add a person who can sign in and hold accounts. Somebody who exists keeps everything "
        "but a password that differs. Prints what was done as one JSON line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="e-mail address to sign in with")
        parser.add_argument("--password", metavar="PW", required=True, help="password to sign in")

    def handle(self, *args: Any, email: str, password: str, **_: Any) -> str:
        email = email.strip().lower()
        with naming("EMAIL"):
            User._meta.get_field("email").clean(email, None)
        with all_or_nothing():
            person = User.objects.select_for_update().filter(email__iexact=email).first()
            if person is not None and person.check_password(password):
                return answer(email=person.email, created=False, password_changed=False)
            with naming("--password"):
                validate_password(password, person or User(email=email))
            if person is None:
                person = User.objects.create_user(email, password)
                return answer(email=person.email, created=True, password_changed=True)
            person.set_password(password)
            person.save(update_fields=["password"])
            return answer(email=person.email, created=False, password_changed=True)
