"""The proxy nginx in front of a panel, with `deploy/nginx.conf` as its configuration."""

import datetime
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import others
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
    """To be used in a `with`; `plain` and `https` ask it by the panel's name."""

    def __init__(self, folder: Path, *, panel_url: str) -> None:
        self._logs = folder / "logs"
        self._logs.mkdir()
        self._certificate, self._key = folder / "certificate.pem", folder / "key.pem"
        self._make_certificate()
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

    def __enter__(self) -> Self:
        command = [others.program("nginx"), "-c", str(self._configuration)]
        told = self._logs / "told.txt"
        with told.open("w") as written:
            self._process = subprocess.Popen(command, stderr=written)
        until = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, told.read_text()
            assert time.monotonic() < until, told.read_text()
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.plain.close()
        self.https.close()
        self._process.terminate()
        self._process.wait(20)

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
            "/etc/ssl/private/panel.example.key": str(self._key),
            "/var/log/nginx": str(self._logs),
            "127.0.0.1:8000": urlsplit(panel_url).netloc,
        }.items():
            assert deployed in configured
            configured = configured.replace(deployed, here)
        return configured

    def _make_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        self._certificate.write_bytes(certificate.public_bytes(pem))
        self._key.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
