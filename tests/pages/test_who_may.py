"""Who may open and change what: owners and managers, viewers, others, and after how long."""

import re
import time

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.converters import IntConverter
from django.urls.resolvers import RegexPattern, URLPattern

from sms_accounts.models import Activity, Membership
from tests.factories import PASSWORD, make_api_user, make_member
from tests.pages.conftest import HTMX, signed_in

OF_ONE_USER = [
    "api-user-password",
    "api-user-former-password",
    "api-user-quota",
    "api-user-limit",
    "api-user-restrictions",
    "api-user-callback",
    "api-user-callback-secret",
    "api-user-protection",
    "api-user-rules",
    "api-user-enabled",
    "api-user-delete",
]
SELECTED = ["selected-quota", "selected-limit"]
SENSITIVE = [name for name in OF_ONE_USER if name != "api-user-enabled"]
OF_THE_ACCOUNT = [
    "account-place",
    "account-default-sender",
    "account-unknown-outcome",
    "account-retention",
    "account-answers-stop",
    "account-callback",
    "account-callback-secret",
    "account-limit",
    "account-reserve",
    "account-rules",
    "credits-transfer",
]
SENSITIVE_OF_THE_ACCOUNT = [
    name
    for name in OF_THE_ACCOUNT
    if name not in ("account-place", "account-default-sender", "account-answers-stop")
]
# What answers without a sign-in: machines call it, or people on their way in do.
OPEN = {
    "/cgi-bin/sms/http2sms.cgi",
    "/http2sms",
    "/1.0/sms/ptts",
    "/v1/sms/ptts",
    "/dlr/x/",
    "/dlr/x/x/",
    "/dlr/x/x",
    "/received/x/",
    "/received/x/x/",
    "/received/x/x",
    "/healthz/",
    "/auth/login/",
    "/auth/signup/",
    "/auth/inactive/",
    "/auth/confirm-email/",
    "/auth/confirm-email/x/",
    "/auth/password/reset/",
    "/auth/password/reset/done/",
    "/auth/password/reset/key/1-x/",
    "/auth/password/reset/key/done/",
}

# Django and allauth have a few paths that are regular expressions.
SAMPLES_OF_PATTERNS = {
    r"^(?P<app_label>sms_accounts|auth)/$": "auth/",
    r"(?P<url>.*)$": "x",
    r"^confirm-email/(?P<key>[-:\w]+)/$": "confirm-email/x/",
    r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "password/reset/key/1-x/",
}


@pytest.fixture
def api_user(account):
    return make_api_user(account=account)


def pages_of(api_user) -> list[str]:
    name = api_user.account.name
    return [
        reverse("api-user-add", args=[name]),
        reverse("alert-texts", args=[name]),
        *(reverse(page, args=[name]) for page in OF_THE_ACCOUNT),
        reverse("api-user-import", args=[name]),
        *(f"{reverse(page, args=[name])}?user={api_user.pk}" for page in SELECTED),
        *(reverse(page, args=[name, api_user.pk]) for page in OF_ONE_USER),
    ]


def changes() -> int:
    return Activity.objects.count()


class TestRoles:
    @pytest.mark.parametrize("role", ["owner", "manager"])
    def test_owners_and_managers_open_every_dialog(self, api_user, role):
        person = signed_in(make_member(api_user.account, Membership.Role(role)))

        for page in pages_of(api_user):
            assert person.get(page).status_code == 200, page
            assert person.in_dialog(page).status_code == 200, page

    def test_for_viewers_and_others_the_dialogs_do_not_exist(self, api_user, bobs_browser):
        viewer = signed_in(make_member(api_user.account, Membership.Role.VIEWER))
        before = changes()

        for page in pages_of(api_user):
            for person in (viewer, bobs_browser):
                assert person.get(page).status_code == 404, page
                assert person.post(page, {"enabled": "0"}).status_code == 404, page

        assert changes() == before

    @pytest.mark.parametrize("page", OF_ONE_USER)
    def test_a_user_is_not_reached_through_another_account(self, bobs_browser, api_user, page):
        url = reverse(page, args=["sms-bb12345-1", api_user.pk])

        assert bobs_browser.get(url).status_code == 404

    def test_changes_need_the_token_against_forgery(self, alice, api_user):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(alice)
        url = reverse("api-user-enabled", args=[api_user.account.name, api_user.pk])

        assert browser.post(url, {"enabled": "0"}).status_code == 403


class TestRecentSignIn:
    @pytest.fixture
    def stale(self, browser, monkeypatch):
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 31 * 60)
        return browser

    @pytest.mark.parametrize("page", SENSITIVE)
    def test_is_asked_for_before_sensitive_steps(self, stale, api_user, page):
        url = reverse(page, args=[api_user.account.name, api_user.pk])
        before = changes()

        opened, sent = stale.get(url), stale.post(url, {"password": "NewSecret1"})

        assert opened.url.startswith("/auth/reauthenticate/?next=%2Fsms%2F")
        assert sent.url.startswith("/auth/reauthenticate/?next=%2Fsms%2F")
        assert changes() == before
        assert "NewSecret1" not in str(dict(stale.session))

    @pytest.mark.parametrize("page", SENSITIVE_OF_THE_ACCOUNT)
    def test_is_asked_for_before_sensitive_options(self, stale, account, page):
        url = reverse(page, args=[account.name])
        before = changes()

        for answer in (stale.get(url), stale.post(url, {"url": "https://example.com/"})):
            assert answer.url.startswith("/auth/reauthenticate/?next=%2Fsms%2F")
        assert changes() == before

    @pytest.mark.parametrize("page", [*SELECTED, "api-user-import"])
    def test_is_asked_for_before_many_are_changed(self, stale, api_user, page):
        url = f"{reverse(page, args=[api_user.account.name])}?user={api_user.pk}"
        sent = {"users": api_user.pk, "confirmed": "yes", "text": "login\nanother"}
        before = changes()

        assert stale.get(url).url.startswith("/auth/reauthenticate/")
        assert stale.post(url, sent).url.startswith("/auth/reauthenticate/")
        assert changes() == before

    def test_leaves_the_dialog_for_a_page_of_its_own(self, stale, api_user):
        url = reverse("api-user-quota", args=[api_user.account.name, api_user.pk])

        answer = stale.get(url, headers=HTMX)

        assert answer.status_code == 204
        assert answer["HX-Redirect"].startswith("/auth/reauthenticate/")

    def test_leads_on_to_where_one_wanted_to_go(self, stale, api_user):
        url = reverse("api-user-quota", args=[api_user.account.name, api_user.pk])

        answer = stale.post(stale.get(url).url, {"password": PASSWORD, "next": url}, follow=True)

        assert answer.request["PATH_INFO"] == url
        assert answer.status_code == 200

    def test_is_not_asked_for_to_look_at_the_list(self, stale, account):
        assert stale.get(reverse("api-users", args=[account.name])).status_code == 200


def paths(patterns, prefix: str = "/") -> list[str]:
    found = []
    for pattern in patterns:
        route = prefix + path_of(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found.append(route)
        else:
            found += paths(pattern.url_patterns, route)
    return found


def path_of(pattern) -> str:
    """A path that a pattern matches, with samples for what is variable."""
    route = str(pattern)
    if isinstance(pattern, RegexPattern):
        return SAMPLES_OF_PATTERNS[route]
    for name, converter in pattern.converters.items():
        sample = "1" if isinstance(converter, IntConverter) else "x"
        route = re.sub(rf"<(\w+:)?{name}>", sample, route)
    return route


def test_these_urls_alone_are_open(client, db):
    answers = {path: client.get(path) for path in paths(get_resolver().url_patterns)}

    to_sign_in = ("/auth/login/", "/admin/login/")
    opened = {
        path
        for path, answer in answers.items()
        if not (answer.status_code == 302 and answer.url.startswith(to_sign_in))
    }
    assert opened == OPEN
