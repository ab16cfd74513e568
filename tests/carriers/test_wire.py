"""What a call to a carrier over HTTP is written as."""

from datetime import timedelta

from sms_accounts.carriers.http.wire import Line, Request


def test_headers_of_staff_stand_in_the_place_of_ours():
    headers = (("user-agent", "theirs"), ("HOST", "theirs.example"), ("Content-Length", "1"))
    url = "http://ours.example:81/send"
    request = Request(method="POST", url=url, headers=headers, body=b"{}")

    line = Line(url, answer_within=timedelta(seconds=1))
    head, _blank, body = line._written(request).decode().partition("\r\n\r\n")

    assert body == "{}"
    assert sorted(head.split("\r\n")[1:]) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Content-Length: 2",
        "HOST: theirs.example",
        "user-agent: theirs",
    ]
