"""Rules about the project as a whole: what is documented, compiled, migrated, imported."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.template import engines
from django.template.backends.django import DjangoTemplates

from panel.environment import Environment

ROOT = Path(settings.BASE_DIR)


def settings_table() -> str:
    """The table of settings as the README must have it."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Environment.model_fields.items():
        default = field.default
        shown = "" if default in ("", []) else f"`{default}`"
        lines.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(lines)


def test_readme_has_the_table_of_all_settings():
    readme = (ROOT / "README.md").read_text()
    table = readme.split("<!-- settings -->\n")[1].split("\n<!-- /settings -->")[0]

    assert table == settings_table()


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_template_compiles():
    engine = engines["django"]
    assert isinstance(engine, DjangoTemplates)
    folder = ROOT / "templates"
    names = [str(path.relative_to(folder)) for path in folder.rglob("*.html")]

    for name in names:
        engine.get_template(name)

    assert names


@pytest.mark.django_db
def test_a_browser_of_another_language_gets_a_page_in_one_language(client):
    page = client.get("/auth/login/", headers={"Accept-Language": "fr"}).content.decode()

    assert 'lang="en"' in page
    assert "Password" in page
    assert "Mot de passe" not in page


def test_imports_point_down():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout[-2000:]


def test_use_cases_ring_no_task():
    """A use case writes a row that is due; only edges and tasks wake a worker."""
    importing = [
        path.name
        for path in (ROOT / "sms_accounts").glob("*.py")
        if re.search(r"sms_accounts(\.| import )tasks", path.read_text())
    ]

    assert importing == []


def test_only_the_ledger_writes_credits():
    written = re.compile(r"(wallet|quota_wallet)\.credits\s*[-+]?=[^=]|Wallet\.objects.*\.update\(")
    writers = {
        path.name
        for path in (ROOT / "sms_accounts").rglob("*.py")
        if written.search(path.read_text()) and "migrations" not in path.parts
    }

    assert writers == {"ledger.py"}


def test_inline_script_and_style_occur_in_no_template():
    offending = [
        str(path)
        for path in (ROOT / "templates").rglob("*.html")
        if re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=\"", path.read_text())
        and "email" not in path.parts
    ]

    assert offending == []
