"""Requests that are larger, or slower to come, than anybody needs, to the program as it runs."""

import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flows.conftest import Program
from tests.flows.test_guide import sign_in
from tests.sizes import long

pytestmark = [pytest.mark.whole_program, long]

FORM = "application/x-www-form-urlencoded"
STALLED = 60


def place_of(program: Program) -> tuple[str, int]:
    parts = urlsplit(program.url)
    return str(parts.hostname), int(parts.port or 80)


def answers_to(program: Program, path: str, body: bytes, *, times: int) -> list[tuple[int, str]]:
    """What a client hears that sends a body before it listens."""
    heard = []
    with closing(http.client.HTTPConnection(*place_of(program), timeout=30)) as connection:
        for _ in range(times):
            connection.request("POST", path, body, {"Content-Type": FORM})
            answer = connection.getresponse()
            heard.append((answer.status, answer.read().decode()))
    return heard


@contextmanager
def half_a_form(program: Program, path: str) -> Iterator[None]:
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(program.url).netloc}\r\n"
    head += f"Content-Type: {FORM}\r\nContent-Length: 100\r\n\r\nlogin="
    with socket.create_connection(place_of(program), timeout=30) as connection:
        connection.sendall(head.encode())
        yield


@pytest.mark.parametrize("length", [1_200_000, 5_000_000, 20_000_000])
def test_a_script_hears_that_its_call_is_too_long(program: Program, length: int):
    body = b"message=" + b"a" * length

    with ThreadPoolExecutor(4) as pool:
        both = pool.map(lambda _: answers_to(program, "/http2sms", body, times=5), range(4))

    said = "KO\nInvalid request: the body is longer than 1048576 bytes\n"
    assert {answer for each in both for answer in each} == {(200, said)}


@pytest.mark.parametrize("path", ["/http2sms", "/auth/login/"])
def test_half_forms_keep_nobody_waiting(program: Program, path: str):
    with ExitStack() as stack:
        for _ in range(STALLED):
            stack.enter_context(half_a_form(program, path))

        # Whoever is not known yet is judged by Django.
        sent = program.send(
            account=program.demo["account"],
            login=program.demo["login"],
            password=program.demo["password"],
            to="33639980004",
            message="Hello",
            **{"from": program.demo["sender"]},
        )
        page = answers_to(program, "/nowhere", b"", times=3)

    assert sent["status"] == 100
    assert {status for status, _ in page} == {404}


def open_send(browser: Browser, program: Program, *, javascript: bool) -> Page:
    page = sign_in(browser, program, "holder", javascript=javascript)
    sections = page.get_by_role("navigation", name="Sections of the account")
    sections.get_by_role("link", name="Send", exact=True).click()
    return page


@pytest.mark.browser
@pytest.mark.on_embedded
def test_a_person_hears_it_and_still_has_what_was_typed(
    browser: Browser, program: Program, tmp_path: Path
):
    page = open_send(browser, program, javascript=False)
    page.get_by_label("Receivers").fill("33639980004")
    page.get_by_label("Text").fill("Hello")
    file = tmp_path / "numbers.csv"
    file.write_text("number\n" + "33639980004\n" * 1_500_000)
    page.get_by_label("or a CSV file").set_input_files(file)

    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("That was too much at once")
    page.go_back()
    expect(page.get_by_label("Text")).to_have_value("Hello")
    expect(page.get_by_label("Receivers")).to_have_value("33639980004")


@pytest.mark.browser
@pytest.mark.on_embedded
def test_a_person_hears_while_typing_that_it_cannot_be_counted(browser: Browser, program: Program):
    page = open_send(browser, program, javascript=True)
    receivers, counted = page.get_by_label("Receivers"), page.locator("#count")
    page.get_by_label("Text").fill("Hello")
    expect(counted).to_contain_text("5 characters")

    # To type so much takes the browser a minute.
    paste = "(field, text) => { field.value = text; }"
    receivers.evaluate(paste, "33639980004\n" * 90_000)
    receivers.dispatch_event("input")
    expect(counted.get_by_role("alert")).to_contain_text("too much at once", timeout=30_000)
    expect(counted).not_to_contain_text("5 characters")

    receivers.evaluate(paste, "33639980004")
    receivers.dispatch_event("input")
    expect(counted).to_contain_text("5 characters", timeout=30_000)
    expect(counted.get_by_role("alert")).to_have_count(0)
