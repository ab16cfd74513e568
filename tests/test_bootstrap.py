"""The way into the environment, with a program of three lines in place of Django."""

import ast
import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from panel import bootstrap

ROOT = Path(__file__).parent.parent

# The Python that the environment of these tests was made with: outside it, as a user's is.
PYTHON = getattr(sys, "_base_executable", sys.executable)

DJANGO = """
import json, os, sys
def execute_from_command_line(argv):
    print(json.dumps({"prefix": sys.prefix, "argv": argv[1:],
                      "data": os.environ.get("PANEL_DATA_DIR")}))
"""
PYTEST = "import os, sys; print('pytest', os.getcwd(), sys.argv[1:])"


def make_wheel(folder, name, version, files):
    """Write a wheel and return its line for a lock file."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
            record += f"{file},sha256={digest.rstrip(b'=').decode()},{len(content)}\n"
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Project:
    """A clone in which everything but the door is a stand-in, and no network is needed."""

    def __init__(self, folder):
        self.folder = folder
        self.wheels = folder / "wheels"
        self.tools = folder / "tools"
        for path in (folder / "panel", self.wheels, self.tools):
            path.mkdir()
        shutil.copy(ROOT / "manage.py", folder)
        shutil.copy(ROOT / "panel" / "bootstrap.py", folder / "panel")
        django = {
            "django/__init__.py": "",
            "django/core/__init__.py": "",
            "django/core/management.py": DJANGO,
        }
        self.lock = make_wheel(self.wheels, "django", "1.0", django)
        self.lock_of_tools = make_wheel(self.wheels, "pytest", "1.0", {"pytest.py": PYTEST})
        (folder / "requirements.lock").write_text(self.lock)
        (folder / "requirements-dev.lock").write_text(self.lock + self.lock_of_tools)

    def start(self, *arguments, python=PYTHON, **environment):
        return subprocess.Popen(
            [python, self.folder / "manage.py", *arguments],
            env={
                # No uv but the one of a test, and nothing of this machine's own configuration.
                "PATH": f"{self.tools}:/usr/bin:/bin",
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.wheels),
                **environment,
            },
            cwd=self.folder.parent,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments, **environment):
        return finish(self.start(*arguments, **environment))

    def make_uv(self, code):
        uv = self.tools / "uv"
        uv.write_text(f"#!/bin/sh\n{code}\n")
        uv.chmod(0o755)

    @property
    def environment(self):
        return self.folder / ".venv"


@dataclass
class Beginning:
    """How the environment that the tests share came to be: making one is slow."""

    project: Project
    interrupted: subprocess.Popen[str]
    both: list[subprocess.Popen[str]]


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    """A first start ended by Ctrl-C halfway, and then two starts at once."""
    project = Project(tmp_path_factory.mktemp("clone"))
    interrupted = project.start("list")
    wait_for(project.environment / "pyvenv.cfg")
    os.killpg(interrupted.pid, signal.SIGINT)
    finish(interrupted)
    both = [project.start("list", "--json"), project.start("list", "--json")]
    return Beginning(project, interrupted, [finish(process) for process in both])


@pytest.fixture
def project(beginning):
    """The shared project, with its environment as the locks have it."""
    project = beginning.project
    (project.folder / "requirements.lock").write_text(project.lock)
    (project.tools / "uv").unlink(missing_ok=True)
    assert project.run("list").returncode == 0
    return project


def finish(process):
    process.out, process.err = process.communicate(timeout=60)
    return process


def wait_for(path):
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


class TestDoor:
    def test_can_be_read_by_any_python_3_that_is_about(self):
        ast.parse((ROOT / "manage.py").read_text(), feature_version=(3, 6))

    @pytest.mark.parametrize(
        ("pretence", "sentence"),
        [
            (
                "sys.version_info = (3, 9, 2); sys.version = '3.9.2 (x)'",
                "3.11 or newer; this is 3.9.2",
            ),
            ("os.name = 'nt'", "on Windows, run it inside WSL"),
        ],
    )
    def test_says_in_one_sentence_what_it_needs(self, pretence, sentence):
        code = f"import os, pathlib, runpy, sys; {pretence}; runpy.run_path('manage.py')"

        refused = subprocess.run(
            [PYTHON, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )

        assert refused.returncode == 1
        assert sentence in refused.stderr
        assert refused.stderr.count("\n") == 1


class TestDecisions:
    @pytest.mark.parametrize(
        ("argv", "folder"),
        [
            (["serve"], None),
            (["serve", "--data"], None),
            (["serve", "--data="], None),
            (["serve", "--data", ""], None),
            (["serve", "--data", "/srv/panel"], "/srv/panel"),
            (["serve", "--port", "80", "--data=/srv/panel"], "/srv/panel"),
            (["serve", "--data", "here"], str(Path.cwd() / "here")),
        ],
    )
    def test_take_the_data_folder_from_the_option(self, argv, folder):
        assert bootstrap.data_folder(["manage.py", *argv]) == folder

    def test_want_the_tools_for_tests_only(self):
        assert bootstrap.locks_for("serve") == ["requirements.lock"]
        assert bootstrap.locks_for("") == ["requirements.lock"]
        assert bootstrap.locks_for("test") == ["requirements.lock", "requirements-dev.lock"]

    @pytest.mark.parametrize(
        ("stamp", "is_fresh"),
        [
            ({}, False),
            ({"a": "1"}, True),
            ({"a": "1", "tools": "9"}, True),
            ({"a": "2"}, False),
            ({"tools": "1"}, False),
        ],
    )
    def test_find_an_environment_fresh_that_has_the_locks_as_they_are(self, stamp, is_fresh):
        assert bootstrap.is_fresh(stamp, {"a": "1"}) is is_fresh

    def test_show_the_last_words_of_an_installer(self):
        output = "\n".join(f"line {number}" for number in range(20)) + "\n\n"

        shown = bootstrap.last_words(output)

        assert shown.splitlines()[0] == "  line 14"
        assert shown.splitlines()[-1] == "  line 19"


class TestFirstStart:
    def test_ends_in_a_sentence_at_ctrl_c(self, beginning):
        assert beginning.interrupted.returncode == 130
        assert beginning.interrupted.err == (
            "Setting up .venv (once, about a minute) …\n"
            "Interrupted. The next start sets it up anew.\n"
        )

    def test_makes_the_environment_and_goes_on_inside_it(self, beginning):
        for process in beginning.both:
            # Standard output is the command's alone.
            said = json.loads(process.out)
            assert said["prefix"] == str(beginning.project.environment)
            assert said["argv"] == ["list", "--json"]

    def test_waits_for_another_that_does_the_same(self, beginning):
        assert sorted(process.err for process in beginning.both) == [
            "Another start is setting up .venv; waiting for it …\n",
            "Setting up .venv (once, about a minute) …\n",
        ]


class TestNextStart:
    def test_installs_nothing(self, project):
        again = project.run("list", PIP_FIND_LINKS="/nowhere")

        assert json.loads(again.out)["prefix"] == str(project.environment)
        assert again.err == ""

    def test_installs_nothing_from_inside_either(self, project):
        inside = project.run(
            "list", python=project.environment / "bin" / "python3", PIP_FIND_LINKS="/nowhere"
        )

        assert json.loads(inside.out)["prefix"] == str(project.environment)
        assert inside.err == ""

    def test_tells_settings_of_the_data_folder(self, project):
        served = project.run("serve", "--data", "kept")

        assert json.loads(served.out)["data"] == str(project.folder.parent / "kept")

    def test_installs_what_a_new_lock_says(self, project):
        extra = make_wheel(project.wheels, "extra", "1.0", {"extra.py": ""})
        (project.folder / "requirements.lock").write_text(project.lock + extra)

        updated = project.run("list")

        assert updated.err == "Bringing .venv up to date …\n"
        assert list(project.environment.glob("lib/python3*/site-packages/extra.py"))

    def test_takes_tools_for_tests_and_becomes_pytest_where_the_tests_are(self, project):
        tested = project.run("test", "-k", "door")

        assert tested.out == f"pytest {project.folder} ['-k', 'door']\n"


class TestRefusal:
    def test_of_a_package_that_is_not_the_one_in_the_lock_is_healed_by_the_next_start(
        self, project
    ):
        make_wheel(project.wheels, "forged", "1.0", {"forged.py": ""})
        forged = f"forged==1.0 --hash=sha256:{'0' * 64}\n"
        (project.folder / "requirements.lock").write_text(project.lock + forged)
        refused = project.run("list")
        (project.folder / "requirements.lock").write_text(project.lock)

        healed = project.run("list")

        assert refused.returncode == 1
        assert "requirements.lock could not be installed" in refused.err
        assert "Expected sha256 000000" in refused.err
        assert "Traceback" not in refused.err
        assert healed.err == "Setting up .venv (once, about a minute) …\n"
        assert json.loads(healed.out)["prefix"] == str(project.environment)

    def test_leaves_a_folder_alone_that_is_no_environment(self, project, tmp_path):
        (tmp_path / "letters.txt").write_text("dear")

        refused = project.run("list", PANEL_VENV=str(tmp_path))

        assert refused.returncode == 1
        assert "holds files that are no environment" in refused.err
        assert (tmp_path / "letters.txt").read_text() == "dear"


class TestUv:
    def test_installs_where_it_is_on_the_path(self, project):
        (project.environment / bootstrap.STAMP).unlink(missing_ok=True)
        project.make_uv(f'echo "$@" > {project.folder}/uv.log')

        project.run("list", PIP_FIND_LINKS="/nowhere")

        asked = (project.folder / "uv.log").read_text()
        assert asked.startswith("pip install")
        assert f"--python {project.environment}/bin/python --require-hashes" in asked

    def test_that_fails_leaves_the_work_to_pip(self, project):
        (project.environment / bootstrap.STAMP).unlink(missing_ok=True)
        project.make_uv("exit 2")

        assert json.loads(project.run("list").out)["argv"] == ["list"]


class TestMissingModule:
    def test_is_named_with_the_package_that_has_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            "importlib.util.find_spec", lambda name: None if name == "ensurepip" else name
        )

        with pytest.raises(bootstrap.CannotInstall, match=r"apt install python3\.\d+-venv"):
            bootstrap._make(tmp_path / "venv")

        assert not (tmp_path / "venv").exists()


class TestSwitchedOff:
    def test_takes_the_python_as_it_is(self, project):
        python = project.environment / "bin" / "python"

        taken = project.run("list", python=python, PANEL_BOOTSTRAP="0", PANEL_VENV="/nowhere")

        assert json.loads(taken.out)["argv"] == ["list"]

    def test_says_what_that_python_lacks(self, project):
        refused = project.run("list", PANEL_BOOTSTRAP="0")

        assert refused.returncode == 1
        assert "has no Django" in refused.err
        assert "Traceback" not in refused.err

    def test_refuses_another_value(self, project):
        refused = project.run("list", PANEL_BOOTSTRAP="off")

        assert refused.returncode == 1
        assert refused.err == (
            "PANEL_BOOTSTRAP is 'off'; it may be 0 (take this Python as it is) or 1.\n"
        )
