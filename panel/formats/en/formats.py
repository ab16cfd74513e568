"""Moments in English."""

SHORT_DATETIME_FORMAT = "Y-m-d H:i"
