import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
VENDOR = STATIC / "vendor"
# Programs that show mails know no style sheets.
TEMPLATES = sorted(
    path for path in (ROOT / "templates").rglob("*.html") if "email" not in path.parts
)
OWN_FILES = [path for path in sorted(STATIC.glob("*")) if path.suffix in {".css", ".js"}]

LISTED = {
    name: checksum
    for checksum, name in re.findall(
        r"^([0-9a-f]{64})  (.+)$", (VENDOR / "README.md").read_text(encoding="utf-8"), re.M
    )
}


def vendored():
    files = (path for path in VENDOR.rglob("*") if path.is_file())
    return {str(path.relative_to(VENDOR)) for path in files} - {"README.md"}


class TestVendoredFiles:
    def test_are_all_listed_with_a_checksum(self):
        assert vendored() == set(LISTED)

    @pytest.mark.parametrize("name", sorted(LISTED))
    def test_are_as_listed(self, name):
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == LISTED[name]

    def test_have_their_licence_beside_them(self):
        folders = [path for path in VENDOR.iterdir() if path.is_dir()]

        assert folders
        assert all((folder / "LICENSE").is_file() for folder in folders)

    def test_name_no_source_map_that_is_missing(self):
        for path in VENDOR.rglob("*.min.*"):
            assert "sourceMappingURL" not in path.read_text(encoding="utf-8"), path


class TestTheContentSecurityPolicy:
    """It allows scripts, styles, fonts and connections of our own only, and nothing inline."""

    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
    def test_finds_nothing_inline_in_a_template(self, path):
        page = path.read_text(encoding="utf-8")

        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)", page)
        assert not re.search(r"\son[a-z]+=|javascript:|\shx-on|\shx-vals=.js:", page)

    @pytest.mark.parametrize(
        "path", [*TEMPLATES, *OWN_FILES], ids=lambda path: str(path.relative_to(ROOT))
    )
    def test_meets_no_address_of_others(self, path):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")

        assert not re.search(r"""(src=|href=|url\(|import )\s*["']?(https?:)?//""", text)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/auth/login/", "/static/vendor/bootstrap/bootstrap.min.css"])
def test_is_sent_packed_to_browsers_that_can_unpack_it(client, path):
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})

    assert packed["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain
    assert 2 * len(packed.getvalue()) < len(plain.getvalue())


class TestIcons:
    def named(self):
        pages = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
        return set(re.findall(r"""(?:{% icon |icon_name=)["']([^"']+)["']""", pages))

    def test_are_those_that_templates_name(self):
        vendored_icons = {path.stem for path in (VENDOR / "bootstrap-icons").glob("*.svg")}

        assert vendored_icons == self.named()
