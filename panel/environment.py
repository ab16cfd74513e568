"""Every setting that the environment may hold, read and checked once; the only reader of it."""

import difflib
import ipaddress
import os
import re
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal, cast
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")

OUR_PREFIXES = ("PANEL_", "CALLBACK_TRUSTED_")
# Names that begin like ours but are read elsewhere.
READ_BY_BOOTSTRAP = {"PANEL_BOOTSTRAP", "PANEL_VENV"}
READ_BY_TESTS = {"PANEL_TEST_BROWSER", "PANEL_TEST_OTHERS", "PANEL_TEST_SIZE"}


def _split(text: object) -> object:
    if not isinstance(text, str):
        return text
    return [item.strip() for item in text.split(",") if item.strip()]


CommaSeparated = BeforeValidator(_split)


class Environment(BaseSettings):
    """The settings of an installation. Each has a default, so that nothing needs to be set."""

    model_config = SettingsConfigDict(case_sensitive=True, frozen=True, env_ignore_empty=True)

    PANEL_DATA_DIR: Path = Field(
        Path("data"),
        description="Folder for the embedded database, the broker, mails and generated keys.",
    )
    PANEL_EXPORTS_DIR: str = Field(
        "",
        description="Folder for CSV files that are written in the background. Without it one in "
        "the data folder; web and worker machines need the same one.",
    )
    PANEL_URL: str = Field(
        "http://127.0.0.1:8000",
        description="Address under which people and scripts reach the panel. With https, cookies "
        "are sent over TLS only.",
    )
    PANEL_HOSTS: Annotated[list[str], NoDecode, CommaSeparated] = Field(
        [],
        description="More host names, comma separated, that requests may name. The host of "
        "`PANEL_URL` and localhost are always accepted.",
    )
    PANEL_PROXIES: int = Field(
        0,
        ge=0,
        le=10,
        description="How many of your own proxies stand in front. The caller's address is taken "
        "that many places from the right of X-Forwarded-For; with 0 the header is ignored.",
    )
    PANEL_SECRET_KEY: str = Field(
        "",
        description="Key for sessions and links in mails, at least 50 characters. "
        "Without it one is made and kept in the data folder.",
    )
    PANEL_ENCRYPTION_KEYS: Annotated[list[str], NoDecode, CommaSeparated] = Field(
        [],
        description="Keys that seal passwords of carriers in the database, comma separated, each "
        "of at least 32 characters. The first one seals; all of them open, so that a new one can "
        "be put in front. Without it one is made and kept in the data folder.",
    )
    DATABASE_URL: str = Field(
        "",
        description="`postgresql://user:password@host:port/name`. Without it: SQLite in the data "
        "folder.",
    )
    REDIS_URL: str = Field(
        "",
        description="`redis://host:port/0`, `rediss://…` or `unix:///path`. Without it: the broker "
        "that `serve` starts.",
    )
    PANEL_SMTP_URL: str = Field(
        "",
        description="`smtp://user:password@host:587` (STARTTLS where there is a password), or "
        "`smtps://…` (TLS from the start). Without it mails are written to the data folder.",
    )
    PANEL_EMAIL_FROM: str = Field(
        "SMS panel <sms-panel@localhost>", description="Sender of the panel's mails."
    )
    PANEL_ALERT_SENDER: str = Field(
        "SMSPANEL",
        pattern=r"^([A-Za-z0-9 .-]{3,11}|[0-9]{3,15})$",
        description="Sender of alert SMS: 3 to 11 letters and digits, or a number.",
    )
    PANEL_TIME_ZONE: str = Field("UTC", description="Time zone of new accounts and of staff.")
    PANEL_LANGUAGE: Literal["en"] = Field("en", description="Language of the pages.")
    PANEL_MAX_PARTS: int = Field(
        6, ge=1, le=255, description="Most parts that one message may take."
    )
    PANEL_VALIDITY: int = Field(
        72,
        ge=1,
        le=720,
        description="Hours after which a message of which the carrier says nothing more ends as "
        "unknown (ptt 6), and one for which there is no carrier is paid back.",
    )
    PANEL_CARRIER: Literal["simulator"] = Field(
        "simulator",
        description="The carrier that takes messages while staff have chosen none in the "
        "administration.",
    )
    PANEL_SIMULATOR_URL: str = Field(
        "http://127.0.0.1:8001",
        description="Where the simulated carrier listens. `serve` chooses a free port itself.",
    )
    PANEL_SIMULATOR_SECRET: str = Field(
        "", description="Secret between panel and simulated carrier. `serve` makes one itself."
    )
    PANEL_SIMULATOR_REPEATS: bool = Field(
        False,
        description="`true`: a part that the simulated carrier did not answer is handed over again "
        "at once, under its reference, by which the carrier knows it. Otherwise the account's "
        "policy decides.",
    )
    CALLBACK_TRUSTED_NETWORKS: Annotated[list[Network], NoDecode] = Field(
        [],
        description="Networks outside the public internet, comma separated in CIDR form, that "
        "callbacks may reach all the same.",
    )
    PANEL_LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="How much the processes say."
    )

    @field_validator("PANEL_URL")
    @classmethod
    def _own_url(cls, url: str) -> str:
        example = "https://panel.example"
        parts = _parts(url, ("http", "https"), example)
        # Below a path, none of the pages would be found.
        if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise _must_look_like(example)
        return url.rstrip("/")

    @field_validator("PANEL_SIMULATOR_URL")
    @classmethod
    def _carrier_url(cls, url: str) -> str:
        example = "http://carrier.example:8001"
        parts = _parts(url, ("http", "https"), example)
        if not parts.hostname or parts.query or parts.fragment:
            raise _must_look_like(example)
        return url.rstrip("/")

    @field_validator("PANEL_HOSTS")
    @classmethod
    def _host_names(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            # No pattern: links in mails name the host that a request came to.
            if not _HOST.fullmatch(host):
                raise ValueError(
                    f"must be host names without scheme and port, such as 'panel.example' ({host})"
                )
        return hosts

    @field_validator("PANEL_EMAIL_FROM")
    @classmethod
    def _sender(cls, sender: str) -> str:
        _name, address = parseaddr(sender)
        if not sender.isprintable() or not _ADDRESS.fullmatch(address):
            raise ValueError("must look like 'SMS panel <sms-panel@panel.example>'")
        return sender

    @field_validator("PANEL_SECRET_KEY")
    @classmethod
    def _long_key(cls, key: str) -> str:
        if key and len(key) < 50:
            raise ValueError("must have at least 50 characters, or be left out")
        return key

    @field_validator("PANEL_ENCRYPTION_KEYS")
    @classmethod
    def _long_keys(cls, keys: list[str]) -> list[str]:
        if any(len(key) < 32 for key in keys):
            raise ValueError("must be keys of at least 32 characters, with commas between them")
        return keys

    @field_validator("DATABASE_URL")
    @classmethod
    def _database_url(cls, url: str) -> str:
        example = "postgresql://user:password@host:5432/name"
        if url and not _parts(url, ("postgres", "postgresql"), example).path.strip("/"):
            raise _must_look_like(example)
        return url

    @field_validator("REDIS_URL")
    @classmethod
    def _redis_url(cls, url: str) -> str:
        example = "redis://host:6379/0' or 'unix:///path/to/socket"
        if not url:
            return url
        parts = _parts(url, ("redis", "rediss", "unix"), example)
        place = parts.path.strip("/")
        is_whole = place if parts.scheme == "unix" else parts.hostname
        if not is_whole or (parts.scheme != "unix" and place and not place.isdecimal()):
            raise _must_look_like(example)
        return url

    @field_validator("PANEL_SMTP_URL")
    @classmethod
    def _smtp_url(cls, url: str) -> str:
        example = "smtp://user:password@mail.example:587"
        if url and not _parts(url, ("smtp", "smtps"), example).hostname:
            raise _must_look_like(example)
        return url

    @field_validator("CALLBACK_TRUSTED_NETWORKS", mode="before")
    @classmethod
    def _networks(cls, typed: object) -> object:
        try:
            return [ipaddress.ip_network(network) for network in cast("list[str]", _split(typed))]
        except ValueError as wrong:
            raise ValueError(
                f"must be networks in CIDR form, such as '10.0.0.0/8,fd00::/8' ({wrong})"
            ) from None

    @field_validator("PANEL_TIME_ZONE")
    @classmethod
    def _time_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("must be a zone of the IANA database, such as 'Europe/Paris'")
        return name


def _parts(url: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    """Return the parts of a URL with one of these schemes, and a port that is one, if any."""
    try:
        parts = urlsplit(url)
        # A port is looked at only when it is asked for.
        is_url = parts.scheme in schemes and (parts.port is None or parts.port > 0)
    except ValueError:
        is_url = False
    if not is_url:
        raise _must_look_like(example)
    return parts


def host_of(url: str) -> str:
    """Return the host of a checked URL as requests name it: IPv6 addresses in brackets."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def _must_look_like(example: str) -> ValueError:
    return ValueError(f"must look like '{example}'")


def read() -> Environment:
    """Read the environment, or end the program with one line for each setting that is wrong.

    An unknown name that begins like ours is refused too: a misspelt setting would
    otherwise be ignored in silence.
    """
    wrong = list(_misspelt())
    try:
        environment = Environment()
    except ValidationError as invalid:
        wrong += [
            f"{error['loc'][0]}: {error['msg'].removeprefix('Value error, ')}"
            for error in invalid.errors()
        ]
    if wrong:
        sys.exit("The environment has settings that are wrong:\n  " + "\n  ".join(wrong))
    return environment


def _misspelt() -> list[str]:
    known = set(Environment.model_fields) | READ_BY_BOOTSTRAP | READ_BY_TESTS
    lines = []
    for name in sorted(os.environ):
        if name.startswith(OUR_PREFIXES) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            lines.append(f"{name}: there is no such setting" + (f"; {near[0]}?" if near else ""))
    return lines


def data_folder(folder: Path) -> Path:
    """Return the data folder, made where it is not there, or end the program with a sentence."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as refused:
        reason = os.strerror(refused.errno or 0).lower()
    else:
        if os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return folder
        reason = "this user may not write into it"
    sys.exit(
        f"The data folder {folder} cannot be used: {reason}. Name another folder in "
        "PANEL_DATA_DIR, or with --data."
    )


def smtp_settings(url: str) -> dict[str, object]:
    """Return Django's EMAIL_* settings for a checked `PANEL_SMTP_URL`."""
    parts = urlsplit(url)
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and bool(parts.password),
    }
