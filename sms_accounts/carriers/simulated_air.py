"""What one short message can carry on air, for the simulated carrier; alone judges a part's text.

Kept apart from the panel's own counting on purpose: a part that was counted or split wrongly is
refused here instead of being believed.
"""

# Source: 3GPP TS 23.038, sections 6.2.1 and 6.2.1.1.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")

# Octets of user data, and what the header that joins parts takes of them.
# Source: 3GPP TS 23.040, section 9.2.3.24.1.
_SEPTETS_ALONE, _SEPTETS_OF_A_PART = 160, 153
_UNITS_ALONE, _UNITS_OF_A_PART = 70, 67


def fits(text: str, *, coding: object, alone: bool) -> bool:
    """Tell whether a text fits one short message in the coding that was named."""
    if coding == "gsm7":
        return 0 <= _septets(text) <= (_SEPTETS_ALONE if alone else _SEPTETS_OF_A_PART)
    if coding == "ucs2":
        return 0 <= _units(text) <= (_UNITS_ALONE if alone else _UNITS_OF_A_PART)
    return False


def _septets(text: str) -> int:
    """Return the septets of a text, or -1 where the alphabet lacks one of its characters."""
    septets = 0
    for character in text:
        if character in _BASIC:
            septets += 1
        elif character in _EXTENSION:
            septets += 2
        else:
            return -1
    return septets


def _units(text: str) -> int:
    """Return the UTF-16 units of a text, or -1 where a pair of them was split."""
    try:
        return len(text.encode("utf-16-be")) // 2
    except UnicodeEncodeError:
        return -1
