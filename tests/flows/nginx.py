"""The proxy nginx in front of a panel, with `deploy/nginx.conf` as its configuration."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3

from tests import others
from tests.certificates import pem_for
from tests.flows.conftest import ROOT
from tests.simulator_rig import unused_port

NAME = "panel.example"
DEPLOYED = ROOT / "deploy" / "nginx.conf"
# What the file leaves to the packages of nginx. Root's pages may be read by root alone.
AROUND = """
daemon off;
{user}
pid {folder}/pid;
error_log {logs}/start.log;
events {{}}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    include {folder}/panel.conf;
}}
"""


class Nginx:
    """`plain` and `https` ask it by the panel's name, while it is running."""

    def __init__(self, folder: Path, *, panel_url: str) -> None:
        self._logs = folder / "logs"
        self._logs.mkdir()
        certificate, with_key = pem_for(NAME)
        self._certificate, self._with_key = folder / "certificate.pem", folder / "with-key.pem"
        self._certificate.write_text(certificate)
        self._with_key.write_bytes(with_key)
        plain, encrypted = unused_port(), unused_port()
        (folder / "panel.conf").write_text(self._configured(panel_url, plain, encrypted))
        user = "user root;" if os.geteuid() == 0 else ""
        self._configuration = folder / "nginx.conf"
        self._configuration.write_text(AROUND.format(user=user, folder=folder, logs=self._logs))
        asked: dict[str, Any] = {"headers": {"Host": NAME}, "retries": False, "timeout": 60}
        self.plain = urllib3.HTTPConnectionPool("127.0.0.1", plain, **asked)
        self.https = urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            encrypted,
            ca_certs=str(self._certificate),
            server_hostname=NAME,
            assert_hostname=NAME,
            **asked,
        )

    @contextmanager
    def running(self) -> Iterator[Self]:
        told = self._logs / "told.txt"
        with told.open("w") as written:
            process = subprocess.Popen(
                [others.program("nginx"), "-c", str(self._configuration)], stderr=written
            )
        try:
            until = time.monotonic() + 20
            while not self._answers():
                assert process.poll() is None, told.read_text()
                assert time.monotonic() < until, told.read_text()
                time.sleep(0.1)
            yield self
        finally:
            self.plain.close()
            self.https.close()
            process.terminate()
            process.wait(20)

    def written(self) -> str:
        """Return all that stands in its logs."""
        return "".join(path.read_text() for path in sorted(self._logs.iterdir()))

    def _answers(self) -> bool:
        with suppress(urllib3.exceptions.HTTPError):
            return self.https.request("GET", "/healthz/").status == 200
        return False

    def _configured(self, panel_url: str, plain: int, encrypted: int) -> str:
        """Return the file as it is deployed, at places of this test."""
        configured = DEPLOYED.read_text()
        for deployed, here in {
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen [::]:80;": "",
            "listen 443 ssl;": f"listen 127.0.0.1:{encrypted} ssl;",
            "listen [::]:443 ssl;": "",
            "/etc/ssl/panel.example.pem": str(self._certificate),
            "/etc/ssl/private/panel.example.key": str(self._with_key),
            "/var/log/nginx": str(self._logs),
            "127.0.0.1:8000": urlsplit(panel_url).netloc,
        }.items():
            assert deployed in configured
            configured = configured.replace(deployed, here)
        return configured
