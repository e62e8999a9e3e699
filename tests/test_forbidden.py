"""What no line of the program does: run text as code, start other programs, talk to whom it has not checked."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADER = "bot/loader.py"
# Where a name becomes code.
IMPORTS = {
    LOADER: "the name of a plugin, and only of one that somebody has listed",
    "bot/tracing.py": "one library, whose name is written there",
}

# Modules that make code or objects out of bytes, or start other programs.
MAKERS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "yaml", "runpy", "code", "codeop"}
STARTERS = {"subprocess", "pty", "pip", "ensurepip", "venv", "ctypes"}
BUILT_IN = {"eval", "exec", "compile", "__import__"}
IMPORTERS = {"import_module", "exec_module", "spec_from_file_location", "load_module", "SourceFileLoader"}
SHELLS = {"system", "popen", "create_subprocess_exec", "create_subprocess_shell", "execv", "execve", "posix_spawn"}
UNCHECKED = {"CERT_NONE", "_create_unverified_context", "check_hostname", "verify_mode"}
SWITCHES = {"ssl", "verify", "verify_ssl", "ssl_verify"}


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def makes_code(node: ast.AST, file: str) -> bool:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILT_IN
    return is_call or bool(imported(node) & MAKERS)


def starts_programs(node: ast.AST, file: str) -> bool:
    return bool(imported(node) & STARTERS) or (isinstance(node, ast.Attribute) and node.attr in SHELLS)


def imports_by_name(node: ast.AST, file: str) -> bool:
    return file not in IMPORTS and name_of(node) in IMPORTERS


def checks_no_certificate(node: ast.AST, file: str) -> bool:
    is_off = isinstance(node, ast.keyword) and node.arg in SWITCHES and isinstance(node.value, ast.Constant)
    return name_of(node) in UNCHECKED or (is_off and isinstance(node, ast.keyword) and not ast.literal_eval(node.value))


Forbidden = Callable[[ast.AST, str], bool]
RULES = (makes_code, starts_programs, imports_by_name, checks_no_certificate)


def broken(rule: Forbidden, nodes: list[ast.AST], file: str) -> Iterator[str]:
    yield from (f"{file}:{getattr(node, 'lineno', 0)}" for node in nodes if rule(node, file))


def test_no_line_does() -> None:
    """A35, F42: all rules in one test, as the whole program is read for it."""
    found = []
    for path in sorted(path for folder in ("bot", "plugins") for path in (ROOT / folder).rglob("*.py")):
        nodes, file = list(ast.walk(ast.parse(path.read_text()))), path.relative_to(ROOT).as_posix()
        found += [f"{where} {rule.__name__}" for rule in RULES for where in broken(rule, nodes, file)]
    assert found == []


def test_the_loader_knows_no_network() -> None:
    """A35: what loads code takes it from this disk."""
    known = {module for node in ast.walk(ast.parse((ROOT / LOADER).read_text())) for module in imported(node)}
    assert known & {"aiohttp", "requests", "urllib", "urllib3", "http", "socket", "ssl", "asyncio", "yarl"} == set()


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        pytest.param(makes_code, "eval(text)", id="eval"),
        pytest.param(makes_code, "exec(text)", id="exec"),
        pytest.param(makes_code, "from pickle import loads", id="pickle"),
        pytest.param(makes_code, "import yaml", id="yaml"),
        pytest.param(starts_programs, "import subprocess", id="subprocess"),
        pytest.param(starts_programs, "os.system(text)", id="a-shell"),
        pytest.param(imports_by_name, "importlib.import_module(text)", id="import-by-name"),
        pytest.param(checks_no_certificate, "session.get(url, verify=False)", id="verify-is-off"),
        pytest.param(checks_no_certificate, "TCPConnector(ssl=False)", id="ssl-is-off"),
        pytest.param(checks_no_certificate, "context.verify_mode = ssl.CERT_NONE", id="nothing-is-required"),
    ],
)
def test_a_line_that_does_is_found(rule: Forbidden, line: str) -> None:
    assert list(broken(rule, list(ast.walk(ast.parse(line))), "bot/x.py")) != []
    assert list(broken(rule, list(ast.walk(ast.parse("session.get(url)"))), "bot/x.py")) == []
