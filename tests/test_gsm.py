"""Length, alphabet and splitting, against a table and against software of somebody else."""

import pytest
from gsm0338 import Codec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sms_accounts import gsm
from sms_accounts.orders import STOP_CLAUSE

THEIRS = Codec()
LIMITS = {"gsm7": (160, 153), "ucs2": (70, 67)}
EXTENDED = "€[\\]^{|}~\f"

# Mostly characters that change the outcome: of both tables, beside them, and of two units.
CHARACTERS = st.one_of(
    st.sampled_from(gsm.BASIC),
    st.sampled_from(EXTENDED),
    st.sampled_from("çâêîôûëïœ«»’—\u00a0ا漢\u0301"),
    st.sampled_from("😀👩🏽𝄞"),
    st.characters(exclude_categories=["Cs"]),
)
TEXTS = st.one_of(
    st.text(st.sampled_from(gsm.BASIC + EXTENDED), max_size=500),
    st.text(CHARACTERS, max_size=500),
    st.builds(
        lambda count, rest: "a" * count + rest,
        st.integers(60, 310),
        st.text(CHARACTERS, max_size=9),
    ),
)


def their_septets(text: str) -> int | None:
    """How many septets the other software needs; None where it needs another alphabet."""
    if "\x1b" in text:
        # Its table names the escape itself, which is no character of a text.
        return None
    try:
        return len(THEIRS.encode(text)[0])
    except UnicodeEncodeError:
        return None


def units(text: str, coding: str) -> int:
    if coding == "ucs2":
        return len(text.encode("utf-16-le")) // 2
    septets = their_septets(text)
    assert septets is not None
    return septets


class TestAlphabet:
    def test_agrees_with_other_software_on_every_character(self):
        different = [
            chr(code)
            for code in range(0x11000)
            if not 0xD800 <= code <= 0xDFFF
            and (gsm.coding_of(chr(code)) == "gsm7") != (their_septets(chr(code)) is not None)
        ]

        assert different == []

    def test_has_128_characters_less_the_escape(self):
        assert len(set(gsm.BASIC)) == len(gsm.BASIC) == 127

    @pytest.mark.parametrize("character", "çâêîôûëïœ«»’—\u00a0")
    def test_lacks_the_known_traps(self, character):
        assert gsm.coding_of(character) == "ucs2"

    @pytest.mark.parametrize("character", EXTENDED)
    def test_counts_two_for_the_extension_table(self, character):
        assert gsm.measure(character) == gsm.Length("gsm7", 2, 1)


class TestParts:
    @pytest.mark.parametrize(
        ("character", "limits"),
        [("a", [160, 306, 459, 612, 765, 918]), ("ç", [70, 134, 201, 268, 335, 402])],
    )
    def test_change_exactly_at_the_limits_of_the_reference(self, character, limits):
        for parts, most in enumerate(limits, start=1):
            assert gsm.measure(character * most).parts == parts
            assert gsm.measure(character * (most + 1)).parts == parts + 1

    @pytest.mark.parametrize(
        ("character", "limits"), [("a", [149, 295, 448]), ("ç", [59, 123, 190])]
    )
    def test_change_exactly_at_the_limits_with_stop_clause(self, character, limits):
        for parts, most in enumerate(limits, start=1):
            assert gsm.measure(character * most + STOP_CLAUSE).parts == parts
            assert gsm.measure(character * (most + 1) + STOP_CLAUSE).parts == parts + 1

    @pytest.mark.parametrize(
        ("text", "length"),
        [
            pytest.param("", ("gsm7", 0, 1), id="empty"),
            pytest.param("\n\n", ("gsm7", 2, 1), id="only line breaks"),
            pytest.param("😀" * 35, ("ucs2", 70, 1), id="35 emoji"),
            pytest.param("😀" * 36, ("ucs2", 72, 2), id="36 emoji: 33 fit into a part"),
            pytest.param("😀" * 67, ("ucs2", 134, 3), id="67 emoji: 33 and 33 and 1"),
            pytest.param("e\u0301", ("ucs2", 2, 1), id="combining accent"),
            pytest.param("€" * 80, ("gsm7", 160, 1), id="80 euros"),
            pytest.param("€" * 81, ("gsm7", 162, 2), id="81 euros: 76 fit into a part"),
            pytest.param("€" * 153, ("gsm7", 306, 3), id="153 euros: 76 and 76 and 1"),
            pytest.param("a" * 152 + "€" + "a" * 152, ("gsm7", 306, 3), id="escape at the seam"),
        ],
    )
    def test_of_special_texts(self, text, length):
        assert gsm.measure(text) == gsm.Length(*length)

    def test_unicode_can_be_asked_for(self):
        assert gsm.measure("a" * 71, coding="ucs2") == gsm.Length("ucs2", 71, 2)

    def test_seven_bits_cannot_be_had_for_a_text_outside(self):
        assert gsm.measure("ç", coding="gsm7") == gsm.Length("ucs2", 1, 1)


class TestSplit:
    @settings(max_examples=400, deadline=None)
    @given(TEXTS)
    @example("a" * 152 + "€" + "a" * 10)
    @example("ç" * 66 + "😀" + "a" * 10)
    def test_keeps_the_text_and_fits_the_air(self, text):
        length = gsm.measure(text)
        single, joined = LIMITS[length.coding]

        parts = gsm.split(text, coding=length.coding)

        assert "".join(parts) == text
        assert len(parts) == length.parts
        assert length.units == units(text, length.coding)
        assert (length.coding == "gsm7") == (their_septets(text) is not None)
        if length.units <= single:
            assert len(parts) == 1
            return
        sizes = [units(part, length.coding) for part in parts]
        assert all(0 < size <= joined for size in sizes)
        # A part is left short only where a character of two units would not fit.
        assert all(size >= joined - 1 for size in sizes[:-1])
        for part in parts:
            # Would fail on half a surrogate pair.
            part.encode("utf-16-le")


class TestPlainSigns:
    def test_take_the_place_of_typographic_ones(self):
        text = "“It’s” – 5\u00a0€ … «oui»\u200b\tça ‑ •"

        plain = gsm.with_plain_signs(text)

        assert plain == '"It\'s" - 5 € ... "oui" ça - -'

    def test_leave_letters_and_pictures_alone(self):
        assert gsm.with_plain_signs("œuf ê 😀 ß\n") == "œuf ê 😀 ß\n"

    def test_leave_what_7_bits_have_alone(self):
        assert gsm.with_plain_signs(gsm.BASIC + EXTENDED) == gsm.BASIC + EXTENDED

    def test_are_all_of_7_bits_themselves(self):
        typographic = "‘’‚‛“”„‟«»‹›‐‑‒–—―−•·…′″\u00a0\u2009\u202f\u00ad\u200b\ufeff\u2028\t`´"

        assert gsm.coding_of(gsm.with_plain_signs(typographic)) == "gsm7"

    def test_what_is_beyond_7_bits_is_named_once_in_order(self):
        assert gsm.beyond_gsm7("a’bê’😀ç€ß") == ["’", "ê", "😀", "ç"]
        assert gsm.beyond_gsm7(gsm.BASIC + EXTENDED) == []
