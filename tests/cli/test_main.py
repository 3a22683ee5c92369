"""The command line as a whole: help, exit codes, one-line faults."""

import subprocess
import sys
import types

import pytest

from affekt.cli import main as cli
from affekt.core.errors import UserError

HEAVY = ("torch", "numpy", "mlflow", "pydantic", "ruamel", "pandas", "soundfile")


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The command `preset`, replaced by one whose `run` a test sets."""
    module = types.ModuleType("affekt.cli.preset", "Help of a command.")
    module.EXAMPLES = "examples: none"  # type: ignore[attr-defined]
    module.configure = lambda parser: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "affekt.cli.preset", module)
    return module


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from affekt.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"assert not set(sys.modules) & set({HEAVY!r}), set(sys.modules) & set({HEAVY!r})"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    for name, summary in cli.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert summary in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_teaches_by_examples_without_heavy_imports(name: str) -> None:
    code = (
        "import sys; from affekt.cli.main import main\n"
        f"try: main([{name!r}, '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"assert not set(sys.modules) & set({HEAVY!r}), set(sys.modules) & set({HEAVY!r})"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert f"examples:\n  affekt {name}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.parametrize("words", [[], ["sing"], ["preset", "--loud"]])
def test_unknown_words_exit_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        (UserError("two\n lines"), 2, "affekt: error: two lines\n"),
        (PermissionError(13, "Permission denied", "/place"), 2, "affekt: error: /place: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "affekt: error: No space left on device\n"),
        (KeyboardInterrupt(), 130, "affekt: interrupted\n"),
    ],
)
def test_faults_are_one_line_and_a_code(
    command: types.ModuleType,
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    code: int,
    line: str,
) -> None:
    def run(args: object) -> int:
        raise fault

    command.run = run  # type: ignore[attr-defined]
    assert cli.main(["preset"]) == code
    assert capsys.readouterr().err == line


def test_a_bug_keeps_its_traceback(command: types.ModuleType) -> None:
    def run(args: object) -> int:
        raise ZeroDivisionError

    command.run = run  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError):
        cli.main(["preset"])


def test_a_closed_pipe_is_quiet() -> None:
    code = (
        "import sys, types; m = types.ModuleType('m', 'd'); m.EXAMPLES = ''; m.configure = lambda p: None\n"
        "m.run = lambda args: print('x\\n' * 100_000) or 0\n"
        "sys.modules['affekt.cli.preset'] = m\n"
        "from affekt.cli.main import main; sys.exit(main(['preset']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == cli.EXIT_BROKEN_PIPE
