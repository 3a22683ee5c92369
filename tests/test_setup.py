"""The set-up: the linters are clean, the pins hold, the two commands install what they need and nothing is hidden."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from graph_copy import ENVIRONMENT, ROOT, TOOLS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Written so that this file does not match itself.
REGISTRY_HOSTS = re.compile(
    r"pyp[i]\.org|pythonhoste[d]\.org|download\.pytorc[h]\.org|anacond[a]\.(org|com)|registry\.npmj[s]|deb\.debia[n]\.org"
)
FIRST_SCREEN = 40  # lines


def project_requirements() -> list[Requirement]:
    """Everything that is installed by name: dependencies, the dev extra, and Resemblyzer (see the Makefile)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    return [Requirement(text) for text in [*project["dependencies"], *extras, "resemblyzer"]]


def pins() -> list[Requirement]:
    """The lines of constraints.txt that count on this machine."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return [pin for pin in found if pin.marker is None or pin.marker.evaluate()]


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--check", "--no-cache", "."),
        ("mypy",),
        ("snakemake", "--lint"),
    ],
    ids=lambda command: " ".join(command),
)
def test_linter_is_clean(command: tuple[str, ...]) -> None:
    result = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_dependency_is_pinned_once_in_its_range_and_installed_so() -> None:
    pinned = pins()
    names = [canonicalize_name(pin.name) for pin in pinned]
    assert len(names) == len(set(names))
    versions = {name: str(pin.specifier).removeprefix("==") for name, pin in zip(names, pinned, strict=True)}
    for requirement in project_requirements():
        name = canonicalize_name(requirement.name)
        assert name in versions, f"constraints.txt does not pin {name}"
        assert requirement.specifier.contains(versions[name]), f"{name} {versions[name]} is outside its range"
        installed = metadata.version(name).split("+")[0]  # a CPU wheel of torch calls itself 2.13.0+cpu
        assert installed == versions[name], f"{name}: {installed} is installed; run `make install`"


def test_constraints_hold_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert not re.search(r"://|@|^-|\+cpu|\+cu\d", text, re.MULTILINE)


def test_no_file_names_a_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    named = [path.name for path in paths if path.is_file() and REGISTRY_HOSTS.search(path.read_text(errors="replace"))]
    assert not named


def test_readme_shows_both_commands_on_its_first_screen() -> None:
    screen = (ROOT / "README.md").read_text().splitlines()[:FIRST_SCREEN]
    assert any("make repro" in line for line in screen)
    assert any("make test" in line for line in screen)


def test_readme_explains_every_dependency() -> None:
    """Each is named in the first cell of a row of a table."""
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    named = {canonicalize_name(word) for row in rows for word in re.findall(r"[\w.-]+", row.split("|")[1])}
    asked = {canonicalize_name(requirement.name) for requirement in project_requirements()}
    assert not asked - named


FAKE_PYTHON = """#!/bin/sh
# Stands for python3.11: makes a .venv whose pip writes down its call, and fails while ./broken exists.
case "$*" in
  -c*) exit 0 ;;
  *venv*) echo "$*" >> calls; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  *) echo "$*" >> calls; test ! -e broken ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what `make install` reads and a stand-in for the interpreter."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "python").write_text(FAKE_PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make_install(clone: Path, python: str = "./python") -> tuple[int, list[str], str]:
    """Run `make install`; returns its exit code, the new calls of Python, and what it wrote to stderr."""
    calls = clone / "calls"
    calls.unlink(missing_ok=True)
    command = ["make", "install", f"PYTHON={python}"]
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "BIN")}
    result = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    return result.returncode, calls.read_text().splitlines() if calls.exists() else [], result.stderr


def test_an_interrupted_install_starts_anew_and_a_finished_one_is_kept(clone: Path) -> None:
    (clone / "broken").touch()
    assert make_install(clone)[0] != 0
    (clone / "broken").unlink()
    code, calls, _ = make_install(clone)
    assert code == 0
    assert calls == [
        "-m venv --clear .venv",
        "-m pip install -c constraints.txt -e .[dev]",
        "-m pip install --no-deps -c constraints.txt resemblyzer",
        "-m affekt.core.torchaudio_step",
    ]
    assert make_install(clone)[:2] == (0, [])


def test_changed_pins_are_installed_into_the_same_environment(clone: Path) -> None:
    make_install(clone)
    stamp = (clone / ".venv" / ".installed").stat().st_mtime
    os.utime(clone / "constraints.txt", (stamp + 10, stamp + 10))
    assert make_install(clone)[1][0] == "-m venv .venv"


def test_a_missing_interpreter_is_one_clear_message(clone: Path) -> None:
    code, calls, errors = make_install(clone, "python3.11-that-is-not-there")
    assert code != 0
    assert not calls
    assert "python3.11-that-is-not-there was not found. Affekt needs Python 3.11" in errors


@pytest.mark.parametrize("corpora", [True, False])
def test_ci_runs_the_two_commands_and_switches_real_clips_on(tmp_path: Path, corpora: bool) -> None:
    script = tmp_path / "clone" / ".ci" / "run"
    script.parent.mkdir(parents=True)
    script.write_bytes((ROOT / ".ci" / "run").read_bytes())
    script.chmod(0o755)
    if corpora:
        (tmp_path / "shared" / "corpora").mkdir(parents=True)
    (tmp_path / "make").write_text('#!/bin/sh\necho "$1 in $(basename "$PWD") with ${AFFEKT_MIRROR:-nothing}"\n')
    (tmp_path / "make").chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if key != "AFFEKT_MIRROR"}
    environment["PATH"] = f"{tmp_path}{os.pathsep}{environment['PATH']}"
    result = subprocess.run([script], env=environment, capture_output=True, text=True, check=True)
    mirror = tmp_path / "shared" / "corpora" if corpora else "nothing"
    assert result.stdout.splitlines() == [f"{what} in clone with {mirror}" for what in ("repro", "test")]


def test_this_is_the_python_that_is_asked_for() -> None:
    assert sys.version_info[:2] == (3, 11)
