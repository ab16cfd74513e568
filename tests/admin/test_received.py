"""What staff see of replies, and what they let be read again."""

import pytest

from sms_accounts.models import Received, ReceivedPost
from tests.admin.rows import text_of, url
from tests.factories import MSISDN
from tests.replied import came, make_user

pytestmark = pytest.mark.django_db


def test_staff_find_replies_of_nobody(browser):
    make_user()
    came("of an account")
    came("of nobody", receiver="36184")

    listed = text_of(browser.get(url(Received), {"attention": "unassigned"}))

    assert "36184" in listed
    assert "33639989999" not in listed
    [received] = Received.objects.filter(account=None)
    page = text_of(browser.get(url(Received, "change", received.pk)))
    assert "of nobody" in page
    post = received.posts.get()
    assert url(ReceivedPost, "change", post.pk) in page
    assert f"from&quot;: &quot;{MSISDN}" in text_of(
        browser.get(url(ReceivedPost, "change", post.pk))
    )


def test_staff_let_what_could_not_be_read_be_read_again(browser):
    came("")
    post = ReceivedPost.objects.get(problem="'text' is missing")

    chosen = {"action": "release", "_selected_action": [post.pk]}
    answer = browser.post(url(ReceivedPost), chosen, follow=True)

    assert "1 reply is read again." in text_of(answer)
    post.refresh_from_db()
    assert (post.read_at, post.problem) == (None, "")
