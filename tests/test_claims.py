"""What one `serve` claims for itself, and how it refuses what is not to be had."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from panel import claims
from panel.claims import Refused


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class TestDataFolder:
    def test_is_refused_to_the_second_with_the_first_ones_process(self, tmp_path):
        with (
            claims.data_folder(tmp_path),
            pytest.raises(Refused) as refused,
            claims.data_folder(tmp_path),
        ):
            pytest.fail("Both have it.")

        assert str(tmp_path) in str(refused.value)
        assert f"process {os.getpid()}" in str(refused.value)

    def test_is_free_again_afterwards(self, tmp_path):
        with claims.data_folder(tmp_path):
            pass

        with claims.data_folder(tmp_path):
            assert (tmp_path / "serve.lock").read_text() == f"{os.getpid()}\n"

    def test_is_free_again_after_a_kill(self, tmp_path):
        code = f"""
import os, pathlib, runpy, signal
claims = runpy.run_path({claims.__file__!r})
with claims["data_folder"](pathlib.Path({str(tmp_path)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
        killed = subprocess.run([sys.executable, "-c", code], check=False)
        assert killed.returncode == -9

        with claims.data_folder(tmp_path):
            pass


class TestAddress:
    def test_is_a_number_and_a_port_that_is_free(self):
        host, port = claims.address("localhost", 0)

        assert host == "127.0.0.1"
        assert 0 < port < 65536

    def test_refuses_a_port_that_somebody_has(self, taken_port):
        with pytest.raises(Refused, match=rf"Port {taken_port} of 127\.0\.0\.1 .*in use.*--port"):
            claims.address("127.0.0.1", taken_port)

    def test_refuses_a_host_that_is_not_of_this_machine(self):
        with pytest.raises(Refused, match=r"192\.0\.2\.1"):
            claims.address("192.0.2.1", 0)

    def test_refuses_a_host_that_nobody_knows(self):
        with pytest.raises(Refused, match=r"--host: .*'no such host'"):
            claims.address("no such host", 0)


class TestKeptPort:
    def test_stays_the_same(self, tmp_path):
        first = claims.kept_port(tmp_path / "port")

        assert claims.kept_port(tmp_path / "port") == first

    def test_changes_when_somebody_else_has_it(self, tmp_path, taken_port):
        (tmp_path / "port").write_text(f"{taken_port}\n")

        chosen = claims.kept_port(tmp_path / "port")

        assert chosen != taken_port
        assert (tmp_path / "port").read_text() == f"{chosen}\n"

    @pytest.mark.parametrize("content", ["", "eighty", "99999", "-1"])
    def test_changes_when_the_file_holds_none(self, tmp_path, content):
        (tmp_path / "port").write_text(content)

        assert 0 < claims.kept_port(tmp_path / "port") < 65536


class TestKeptSecret:
    def test_is_made_once_and_only_for_the_owner(self, tmp_path):
        secret = claims.kept_secret(tmp_path / "secret")

        assert len(secret) >= 40
        assert claims.kept_secret(tmp_path / "secret") == secret
        assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["secret"]


class TestPrivateFolder:
    def test_is_made_and_then_found(self, tmp_path):
        claims.private_folder(tmp_path / "broker")
        claims.private_folder(tmp_path / "broker")

        assert stat.S_IMODE((tmp_path / "broker").stat().st_mode) == 0o700

    def test_is_refused_when_others_may_enter(self, tmp_path):
        (tmp_path / "broker").mkdir()
        (tmp_path / "broker").chmod(0o750)

        with pytest.raises(Refused, match="Remove it"):
            claims.private_folder(tmp_path / "broker")

    def test_is_refused_when_it_leads_elsewhere(self, tmp_path):
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (tmp_path / "broker").symlink_to(tmp_path / "elsewhere")

        with pytest.raises(Refused, match="Remove it"):
            claims.private_folder(tmp_path / "broker")

    def test_is_refused_when_it_belongs_to_somebody_else(self, tmp_path, monkeypatch):
        (tmp_path / "broker").mkdir(mode=0o700)
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)

        with pytest.raises(Refused, match="Remove it"):
            claims.private_folder(tmp_path / "broker")
