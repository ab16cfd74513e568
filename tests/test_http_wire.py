"""Tests of how HTTP requests are written and answers read, however these are cut into pieces."""

import pytest

from sms_accounts.http_wire import MOST_HEADERS, EndedEarly, NotHttp, Reader, request


def read(*heard, kept=100):
    reader = Reader(kept=kept)
    for each in heard:
        reader.feed(each)
    return reader


OK = b"HTTP/1.1 200 OK\r\n"


class TestRequest:
    def test_has_the_length_of_its_body(self):
        written = request("POST", "/dlr?a=1", [("Host", "a.example"), ("X", "é")], b"{}")

        assert written == (
            b"POST /dlr?a=1 HTTP/1.1\r\nHost: a.example\r\nX: \xe9\r\nContent-Length: 2\r\n\r\n{}"
        )

    def test_without_a_body_says_nothing_of_it(self):
        assert request("GET", "/", []) == b"GET / HTTP/1.1\r\n\r\n"

    @pytest.mark.parametrize(
        "header",
        [
            ("X", "a\r\nY: b"),
            ("X", "a\n b"),
            ("X", "a\0"),
            ("X: a\r\nY", "b"),
            ("X Y", "b"),
            ("", "b"),
        ],
    )
    def test_has_no_header_that_breaks_out_of_its_line(self, header):
        with pytest.raises(ValueError, match="header"):
            request("GET", "/", [header])

    def test_has_no_header_that_cannot_be_written(self):
        with pytest.raises(ValueError, match="latin-1"):
            request("GET", "/", [("X", "Ж")])


class TestAnswer:
    @pytest.mark.parametrize(
        ("answer", "body", "may_go_on"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
            (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", b"ok", True),
            (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok", True),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
            (
                OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
                b"ok",
                True,
            ),
            (
                b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
                b"ok",
                True,
            ),
        ],
    )
    def test_is_the_same_in_one_piece_and_byte_by_byte(self, answer, body, may_go_on):
        for pieces in ([answer], [bytes([each]) for each in answer]):
            reader = Reader(kept=100)
            for piece in pieces:
                assert not reader.is_done
                reader.feed(piece)

            assert reader.is_done
            assert (reader.status, reader.body) == (200, body)
            assert reader.may_go_on == may_go_on
            assert not any(name == "Link" for name, _value in reader.headers)

    @pytest.mark.parametrize("status", [204, 304])
    def test_without_a_body_needs_no_length(self, status):
        assert read(b"HTTP/1.1 %d No\r\n\r\n" % status).is_done

    def test_without_a_length_ends_with_the_connection(self):
        reader = read(b"HTTP/1.1 200 OK\r\n\r\no", b"k")
        assert not reader.is_done

        reader.feed(b"")
        assert reader.is_done
        assert (reader.body, reader.may_go_on) == (b"ok", False)

    def test_is_done_with_as_much_of_its_body_as_is_kept(self):
        reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabcd", kept=3)

        assert reader.is_done
        assert (reader.body, reader.may_go_on) == (b"abc", False)

    @pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"noise"])
    @pytest.mark.parametrize("apart", [False, True])
    def test_that_more_follows_is_the_last(self, more, apart):
        answer = b"HTTP/1.1 201 OK\r\nContent-Length: 2\r\n\r\nok"
        reader = read(answer, more) if apart else read(answer + more)

        assert (reader.status, reader.body, reader.may_go_on) == (201, b"ok", False)

    def test_that_goes_over_to_another_protocol_is_the_last(self):
        reader = read(b"HTTP/1.1 101 Now\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc")

        assert reader.is_done
        assert (reader.status, reader.may_go_on) == (101, False)

    @pytest.mark.parametrize(
        "heard",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nX: ",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
        ],
    )
    def test_that_ends_early_is_none(self, heard):
        reader = Reader(kept=100)
        if heard:
            reader.feed(heard)

        with pytest.raises(EndedEarly):
            reader.feed(b"")

    @pytest.mark.parametrize(
        "heard",
        [
            b"220 mail.example ESMTP\r\n",
            b"HTTP/1.1 99999 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MOST_HEADERS + 1) + b"\r\n",
        ],
    )
    def test_that_is_not_http_is_none(self, heard):
        with pytest.raises(NotHttp):
            read(heard)
