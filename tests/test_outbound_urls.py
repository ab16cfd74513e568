"""Tests of which URLs may be saved, in every spelling that somebody may try."""

import contextlib
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_accounts.outbound_urls import NotAllowed, Refusal, check_url

LOOPBACK = [ip_network("127.0.0.0/8")]


def refusal_of(url, **options):
    with pytest.raises(NotAllowed) as refused:
        check_url(url, **options)
    return refused.value.refusal


class TestCheckUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "http://www.example.com",
            "https://www.example.com:8443/dlr?user=7&x=%20#part",
            "https://www.example.com./",
            "HTTPS://WWW.EXAMPLE.COM/",
            "http://bücher.example/ü?ö",
            "http://my_host.example/",
            "http://8.8.8.8/",
            "http://134744072/",
            "http://[2606:4700::1111]:8080/",
            "http://[::ffff:8.8.8.8]/",
            "http://1.2.3.4.example/",
            "http://example.com:/",
        ],
    )
    def test_accepts(self, url):
        check_url(url)

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7F000001",
            "0x7f.1",
            "0",
            "0.0.0.0",  # noqa: S104
            "127.0.0.1.",
            "１２７.0.0.1",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "127．0．0｡1",
            "０x7f.1",
            "localhost",
            "LOCALHOST.",
            "ⓛocalhost",
            "db.localhost",
            "10.0.0.1",
            "169.254.169.254",
            "2852039166",
            "100.100.100.200",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::FFFF:a9fe:a9fe]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::8.8.8.8]",
            "[2002:7f00:1::]",
            "[2001:0:808:808::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
        ],
    )
    def test_refuses_an_inner_address_in_every_spelling(self, host):
        assert refusal_of(f"http://{host}/") is Refusal.ADDRESS
        assert refusal_of(f"https://{host}:8443/x") is Refusal.ADDRESS

    @pytest.mark.parametrize(
        ("url", "refusal"),
        [
            ("", Refusal.SCHEME),
            ("www.example.com", Refusal.SCHEME),
            ("//www.example.com/", Refusal.SCHEME),
            ("ftp://www.example.com/", Refusal.SCHEME),
            ("file:///etc/passwd", Refusal.SCHEME),
            ("gopher://www.example.com/", Refusal.SCHEME),
            ("javascript:alert(1)", Refusal.SCHEME),
            ("http://user:secret@www.example.com/", Refusal.CREDENTIALS),
            ("http://user@www.example.com/", Refusal.CREDENTIALS),
            ("http://www.example.com:80@127.0.0.1/", Refusal.CREDENTIALS),
            ("http://@www.example.com/", Refusal.CREDENTIALS),
            (" http://www.example.com/", Refusal.CHARACTERS),
            ("http://www.example.com/a b", Refusal.CHARACTERS),
            ("http://www.example.com/\r\nX: y", Refusal.CHARACTERS),
            ("ht\ntp://www.example.com/", Refusal.CHARACTERS),
            ("http://www.example.com/\x00", Refusal.CHARACTERS),
            ("http://www.example.com\\@127.0.0.1/", Refusal.CHARACTERS),
            ("http://www.exa\u200dmple.com/", Refusal.CHARACTERS),
            ("http://www.example.com/\u00a0", Refusal.CHARACTERS),
            ("http://www.example.com/\ud800", Refusal.CHARACTERS),
            ("http://", Refusal.HOST),
            ("http:///path", Refusal.HOST),
            ("http:www.example.com", Refusal.HOST),
            ("http://:80/", Refusal.HOST),
            ("http://./", Refusal.HOST),
            ("http://a..b/", Refusal.HOST),
            ("http://a,b/", Refusal.HOST),
            ("http://%31%32%37.0.0.1/", Refusal.HOST),
            ("http://127.0.0.256/", Refusal.HOST),
            ("http://1.2.3.4.5/", Refusal.HOST),
            ("http://www.example.0x1/", Refusal.HOST),
            ("http://08.1.1.1/", Refusal.HOST),
            ("http://straße.example/", Refusal.HOST),
            ("http://www.example.com℀x/", Refusal.HOST),
            (f"http://{'a' * 64}.example/", Refusal.HOST),
            ("http://[]/", Refusal.HOST),
            ("http://[::1/", Refusal.HOST),
            ("http://[8.8.8.8]/", Refusal.HOST),
            ("http://[2606:4700::1111%25eth0]/", Refusal.HOST),
            ("http://[2606:4700::1111%eth0]/", Refusal.HOST),
            ("http://[2606:4700::1111]x/", Refusal.HOST),
            ("http://2606:4700::1111/", Refusal.HOST),
            ("http://[v1.x]/", Refusal.HOST),
            ("http://www.example.com:0/", Refusal.PORT),
            ("http://www.example.com:65536/", Refusal.PORT),
            ("http://www.example.com:-1/", Refusal.PORT),
            ("http://www.example.com:http/", Refusal.PORT),
            ("http://www.example.com:８０/", Refusal.PORT),
        ],
    )
    def test_refuses_with_the_cause(self, url, refusal):
        assert refusal_of(url) is refusal

    def test_accepts_2000_characters_and_no_more(self):
        url = "http://www.example.com/".ljust(2_000, "x")

        check_url(url)
        assert refusal_of(url + "x") is Refusal.LENGTH

    def test_counts_letters_that_take_more_places_as_so_many(self):
        # The database keeps an index of URLs, whose entries have a longest length in bytes.
        check_url("http://www.example.com/" + "é" * 980)

        assert refusal_of("http://www.example.com/" + "é" * 1_000) is Refusal.LENGTH

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
    def test_accepts_what_the_installation_trusts(self, host):
        check_url(f"http://{host}:9000/", trusted=LOOPBACK)

    def test_trusts_no_more_than_is_listed(self):
        assert refusal_of("http://10.0.0.1/", trusted=LOOPBACK) is Refusal.ADDRESS
        assert refusal_of("http://[::1]/", trusted=LOOPBACK) is Refusal.ADDRESS

    @given(st.text(max_size=40) | st.from_regex(r"http://[\[\]0-9a-fx.:%@]{1,30}", fullmatch=True))
    @settings(max_examples=150, deadline=None)
    def test_accepts_or_refuses_any_text(self, text):
        with contextlib.suppress(NotAllowed):
            check_url(text)
