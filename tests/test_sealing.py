"""Secrets that are kept: sealed, opened with any of the keys, and with no other."""

import pytest

from sms_accounts import sealing

FIRST, SECOND = "first-key-of-thirty-two-letters--", "second-key-of-thirty-two-letters-"


def test_a_sealed_text_shows_nothing_of_it(settings):
    settings.ENCRYPTION_KEYS = [FIRST]

    sealed = sealing.seal("s3cret")

    assert "s3cret" not in sealed
    assert sealing.unseal(sealed) == "s3cret"


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed(settings):
    settings.ENCRYPTION_KEYS = [FIRST]
    sealed = sealing.seal("s3cret")

    settings.ENCRYPTION_KEYS = [SECOND, FIRST]
    assert sealing.unseal(sealed) == "s3cret"
    renewed = sealing.seal("s3cret")

    settings.ENCRYPTION_KEYS = [SECOND]
    assert sealing.unseal(renewed) == "s3cret"
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed)


def test_what_was_never_sealed_is_unreadable(settings):
    settings.ENCRYPTION_KEYS = [FIRST]

    for sealed in ("", "plain", "gAAAA"):
        with pytest.raises(sealing.Unreadable):
            sealing.unseal(sealed)
