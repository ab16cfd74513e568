"""What is read in messages from phones."""

import pytest

from sms_accounts.reply_texts import keyword_of, text_of


class TestKeyword:
    @pytest.mark.parametrize(
        "text",
        [
            "STOP",
            "stop",
            " Stop. ",
            "S T O P",
            "«STOP!!»",
            "STOP ALL",
            "stopall",
            "Unsubscribe",
            "ARRET",
            "Arrêt",
            "arre\u0302t !",
            "STOP 36184",
            "stop36184",
            "\U0001f6d1 STOP",
        ],
    )
    def test_is_stop(self, text):
        assert keyword_of(text, number="36184") == "stop"

    @pytest.mark.parametrize("text", ["START", "start!", "Unstop", "START 36184"])
    def test_is_start(self, text):
        assert keyword_of(text, number="36184") == "start"

    @pytest.mark.parametrize(
        "text", ["", "36184", "Don't stop", "Stop it", "STOP 36185", "Bus stop", "non-stop", "?"]
    )
    def test_is_none_where_a_text_says_more(self, text):
        assert keyword_of(text, number="36184") == ""

    def test_is_the_word_alone_where_no_number_is_known(self):
        assert keyword_of("STOP", number="") == "stop"


class TestText:
    def test_joins_what_was_split_within_a_character(self):
        units = "a👍b".encode("utf-16-be")

        assert text_of([("ucs2", units[:4]), ("ucs2", units[4:])]) == "a👍b"
        assert text_of([("gsm7", b"a\x1b"), ("gsm7", b"\x65b")]) == "a€b"

    def test_reads_parts_in_different_codings(self):
        assert text_of([("gsm7", b"\x00"), ("ucs2", "é".encode("utf-16-be"))]) == "@é"
