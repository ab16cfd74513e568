"""From which address a request came."""

import pytest
from django.test import RequestFactory

from sms_accounts.endpoints.client_address import client_address


class TestClientAddress:
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "remote", "address"),
        [
            (0, "", "198.51.100.7", "198.51.100.7"),
            (0, "192.0.2.1", "198.51.100.7", "198.51.100.7"),
            (1, "192.0.2.1", "198.51.100.7", "192.0.2.1"),
            (1, "203.0.113.66, 192.0.2.1", "198.51.100.7", "192.0.2.1"),
            (2, "203.0.113.66, 192.0.2.1,10.0.0.1", "198.51.100.7", "192.0.2.1"),
            (2, "192.0.2.1", "198.51.100.7", "198.51.100.7"),
            (1, "", "198.51.100.7", "198.51.100.7"),
            (1, "192.0.2.1, unknown", "198.51.100.7", "198.51.100.7"),
            (1, "2001:db8::1", "198.51.100.7", "2001:db8::1"),
            (1, "::ffff:192.0.2.1", "198.51.100.7", "192.0.2.1"),
            (0, "", "::ffff:192.0.2.1", "192.0.2.1"),
            (0, "", "fe80::1%eth0", "fe80::1"),
            (0, "", "", "::"),
        ],
    )
    def test_is_counted_from_the_right(self, settings, proxies, forwarded, remote, address):
        settings.PROXIES = proxies
        request = RequestFactory().get(
            "/", REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded}
        )

        assert str(client_address(request)) == address
