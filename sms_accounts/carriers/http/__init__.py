"""Speaks to carriers over HTTP; each module alone knows the words of one kind of them."""
