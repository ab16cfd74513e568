"""Checking and converting what was typed; nothing here saves."""
