"""Draws texts that are hard to count: around all limits, with pairs where a part ends."""

from random import Random

from gsm0338 import Codec


def _of_the_alphabet(*, septets: int) -> str:
    """Return the characters that somebody else's table gives so many septets."""
    found = []
    for character in map(chr, range(0x10000)):
        try:
            encoded, _length = Codec().encode(character)
        except UnicodeEncodeError:
            continue
        # The escape code announces a character and is none.
        if len(encoded) == septets and character != "\x1b":
            found.append(character)
    return "".join(found)


# Not our own tables: a character that is missing there would then never be drawn.
BASIC = _of_the_alphabet(septets=1)
EXTENSION = _of_the_alphabet(septets=2)
TRAPS = "çâêîôûëïœ«»’—\u00a0"
LINE_BREAKS = ("\n", "\r", "\r\n")
EMOJI = ("😀", "🎉", "𝄞", "🀄")
# What a reader sees as one character: with marks, skin tones, joiners, as a flag, as a keycap.
CLUSTERS = ("e\u0301", "o\u0323\u0302", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "1️⃣", "क्षि", "각")
OTHERS = ("ا", "漢", "я", "\u200d", "\ufeff", "\x1b", "\t", "\x7f", "`")

_GSM = (*BASIC, *LINE_BREAKS)
_PAIRED = (*EXTENSION, *"abc")
_UNICODE = (*TRAPS, *EMOJI, *CLUSTERS, *OTHERS, *LINE_BREAKS, *"aé €")

# Limits in both alphabets, with and without STOP clause; short texts make up the rest.
_LENGTHS = (
    *(0, 1, 5, 30),
    *(59, 70, 123, 134, 190, 201, 268, 335, 402),
    *(149, 160, 295, 306, 448, 459, 612, 765, 918),
)
# Short ones oftener: each unit of a text costs time in four counters.
_WEIGHTS = tuple(1 / (50 + length) for length in _LENGTHS)


def draw(random: Random) -> str:
    """Return a text that is likely to show a difference between two ways of counting."""
    [length] = random.choices(_LENGTHS, _WEIGHTS)
    length = max(0, length + random.randint(-2, 2))
    kind = random.random()
    if kind < 0.25:
        return "".join(random.choices(_GSM, k=length))
    if kind < 0.35:
        return "".join(random.choices(_PAIRED, k=length))[:length]
    if kind < 0.55:
        return "".join(random.choices(_UNICODE, k=length))[:length]
    return _with_pairs_at_the_ends_of_parts(random, length)


def _with_pairs_at_the_ends_of_parts(random: Random, length: int) -> str:
    filler, limit, specials = random.choice(
        (
            ("a", 153, EXTENSION),
            ("a", 153, LINE_BREAKS),
            ("ç", 67, EMOJI),
            ("ç", 67, CLUSTERS),
            ("a", 67, (*EMOJI, *TRAPS)),
        )
    )
    characters = [filler] * length
    for end in range(limit, length + 1, limit):
        characters[min(end + random.randint(-3, 1), length - 1)] = random.choice(specials)
    if characters and random.random() < 0.5:
        characters[random.randrange(length)] = random.choice(specials)
    return "".join(characters)
