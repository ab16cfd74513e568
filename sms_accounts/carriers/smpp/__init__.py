"""Speaks SMPP 3.4 to a carrier; each module alone knows its octets, codes or connections."""
