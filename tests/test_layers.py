"""The layers are kept: who may import what, who may catch everything, and that importing does nothing."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = sorted(path for path in (ROOT / "bot").rglob("*.py"))
PLUGINS = sorted(path for path in (ROOT / "plugins").rglob("*.py"))
FOR_PLUGINS = {"bot.plugin", "bot.events", "bot.facts", "bot.values", "bot.wording"}

EDGES = ("bot/adapters/", "bot/demo/")
STATE = (
    "bot/migrations/",
    "bot/schema.py",
    "bot/journal.py",
    "bot/effects.py",
    "bot/turns.py",
    "bot/builds.py",
    "bot/fact_rows.py",
    "bot/fact_questions.py",
    "bot/tallies.py",
    "bot/kept_logs.py",
    "bot/known_rows.py",
    "bot/retry_rows.py",
    "bot/sightings.py",
    "bot/pull_rows.py",
    "bot/overview_rows.py",
    "bot/trust_rows.py",
    "bot/subscription_rows.py",
    "bot/timetable_rows.py",
    "bot/link_rows.py",
    "bot/audit.py",
    "bot/audit_trail.py",
    "bot/backup.py",
    "bot/restored.py",
    "bot/strikes.py",
    "bot/context.py",  # a plugin's own state
)
# Where a library may be imported, as beginnings of paths; one that is not here must be thought about first.
ROOMS = {
    "aiohttp": EDGES,
    "yarl": EDGES,
    "multidict": EDGES,
    "github": EDGES,
    "graphql": ("bot/demo/github/",),
    "requests": EDGES,  # PyGithub raises its errors, as those of the next two
    "urllib3": EDGES,
    "jwt": EDGES,
    "jenkins": EDGES,
    "slack_bolt": EDGES,
    "slack_sdk": EDGES,
    "opentelemetry": ("bot/tracing.py",),
    "prometheus_client": ("bot/metrics.py",),
    "jinja2": ("bot/adapters/status_html.py",),
    "matplotlib": ("bot/adapters/slack_pictures.py",),
    "irc": EDGES,
    "jaraco": EDGES,
    "prompt_toolkit": EDGES,
    "hyperscan": ("bot/diagnosis/",),
    "stringzilla": ("bot/diagnosis/",),
    "rich": ("bot/diagnosis/", "bot/progress.py"),
    "pathspec": ("bot/paths.py",),
    "shtab": ("bot/completion.py",),
    "tomlkit": ("bot/leeroy_import.py",),
    "markdown_it": ("bot/comment_commands.py",),
    "re2": ("bot/",),  # every pattern that is not ours
    "alembic": ("bot/migrations/",),
    "apscheduler": ("bot/when.py",),
    "sqlalchemy": STATE,
    "msgspec": ("bot/",),  # settings, events and values to and from bytes: part of the language here
}

# `except Exception` and broader, by file and function. Errors are told apart everywhere else.
GUARDS = {
    ("bot/cli.py", "_done"): "a mistake of ours is owned up to in a line, and its traceback is for whoever reports it",
    ("bot/work.py", "_handle"): "a plugin that fails is told to its asker and hurts nobody else",
    ("bot/work.py", "_read"): "the same for commands that are answered at once",
    ("bot/answering.py", "_given"): "the same for commands that a notice tells",
    ("bot/loader.py", "load_plugins"): "a plugin that does not load is named, and the rest start",
    ("bot/database.py", "_one"): "a write that fails undoes itself alone, and its caller gets the error",
    ("bot/effects.py", "_try"): "an effect that a mistake of ours stops may have been sent: it becomes a letter",
    ("bot/watch.py", "_looked"): "one build that cannot be read keeps no other from being seen",
    ("bot/diagnosing.py", "_found"): "a build whose log makes us fail is told all the same, and the others are judged",
    ("bot/log_keeping.py", "_next"): "a log that cannot be kept is lost alone; no diagnosis depends on it",
    ("bot/rounds.py", "whatever_comes"): "what is done every so often is done again, so it must not end the program",
    ("bot/outbox.py", "_try"): "a line that makes an adapter fail is dropped alone; the others are to be said",
    ("bot/adapters/daemon_threads.py", "_work"): "what fails in a thread is raised to whoever waits for it",
    ("bot/adapters/irc_link.py", "one_line"): "what others write breaks one line at most; the next may be a command",
}
NO_NAMES = {"utils", "util", "manager", "helpers", "common", "misc"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """List what a file imports, anywhere in it: the module, and the name taken from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(path)} imports relatively"
            yield from ((node.module or "", alias.name) for alias in node.names)


@cache
def modules_of(path: Path) -> set[str]:
    """List the modules that a file imports; of `from bot.adapters import irc` the inner one."""
    found = set()
    for module, name in imports_of(path):
        inner = ROOT / module.replace(".", "/") / name
        is_module = name and (inner.is_dir() or inner.with_suffix(".py").is_file())
        found.add(f"{module}.{name}" if is_module else module)
    return found


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_a_plugin_knows_five_modules_of_the_program_and_no_library(path: Path) -> None:
    foreign = {module for module in modules_of(path) if module.partition(".")[0] not in sys.stdlib_module_names}
    own = {module for module in foreign if module.startswith(f"plugins.{path.parent.name}.")}  # one of several files
    assert foreign - own <= FOR_PLUGINS


@pytest.mark.parametrize("path", PROGRAM, ids=name_of)
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for module in modules_of(path):
        library = module.partition(".")[0]
        if library not in sys.stdlib_module_names and library != "bot":
            assert library in ROOMS, f"{library} has no room"
            assert name_of(path).startswith(ROOMS[library]), f"{name_of(path)} imports {library}"


@pytest.mark.parametrize(
    ("modules", "rooms"),
    [
        pytest.param("plugins", (), id="plugins-are-found-by-name"),
        pytest.param(
            "bot.adapters",
            ("bot/adapters/", "bot/demo/", "bot/neighbours.py", "bot/diagnosis/remote.py"),
            id="adapters-are-made-in-one-file",
        ),
        pytest.param("bot.demo", ("bot/demo/", "bot/testing.py", "bot/cli.py"), id="the-demo-is-for-demo-and-tests"),
        pytest.param("bot.app", ("bot/demo/", "bot/testing.py", "bot/cli.py"), id="app-is-the-top"),
        pytest.param("bot.testing", (), id="testing-is-for-tests"),
        pytest.param("tests", (), id="tests-are-for-nobody"),
    ],
)
def test_our_own_modules_stay_in_their_rooms(modules: str, rooms: tuple[str, ...]) -> None:
    users = {
        name_of(path)
        for path in PROGRAM
        if any(module == modules or module.startswith(f"{modules}.") for module in modules_of(path))
    }
    assert {user for user in users if not user.startswith(rooms or "nowhere")} == set()


NEIGHBOURS = ("github", "irc", "jenkins", "slack")


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_what_is_for_one_neighbour_knows_no_other(neighbour: str) -> None:
    others = tuple(f"bot.adapters.{other}" for other in NEIGHBOURS if other != neighbour)
    paths = (ROOT / "bot" / "adapters").glob(f"{neighbour}*.py")
    known = {name_of(path): {one for one in modules_of(path) if one.startswith(others)} for path in paths}
    assert {name: foreign for name, foreign in known.items() if foreign} == {}


def test_wire_formats_are_read_without_a_network() -> None:
    folder = ROOT / "bot" / "adapters"
    jenkins = [folder / f"jenkins_{what}.py" for what in ("builds", "cells", "jobs", "nodes", "reports")]
    for path in [*folder.glob("*_wire.py"), *jenkins]:
        known = {module.partition(".")[0] for module in modules_of(path)}
        assert not known & {"asyncio", "socket", "ssl", "aiohttp", "threading", "requests"}, name_of(path)


def test_no_file_is_named_for_nothing() -> None:
    parts = {part for path in PROGRAM + PLUGINS for part in path.relative_to(ROOT).with_suffix("").parts}
    assert {part for part in parts for word in part.split("_") if word in NO_NAMES} == set()


def test_only_known_guards_catch_everything() -> None:
    found: Counter[tuple[str, str]] = Counter()
    for path in PROGRAM + PLUGINS:
        tree = ast.parse(path.read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                around = [one for one in functions if one.lineno <= node.lineno <= (one.end_lineno or 0)]
                found[name_of(path), max(around, key=lambda one: one.lineno).name if around else ""] += 1
    assert found == Counter(dict.fromkeys(GUARDS, 1))


def is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds)


@pytest.mark.parametrize(
    ("code", "broad"),
    [
        pytest.param("except: pass", True, id="bare"),
        pytest.param("except Exception: pass", True, id="exception"),
        pytest.param("except (OSError, BaseException) as e: pass", True, id="in-a-tuple"),
        pytest.param("except (OSError, ValueError): pass", False, id="named"),
    ],
)
def test_what_counts_as_catching_everything(code: str, broad: bool) -> None:
    statement = ast.parse(f"try: pass\n{code}").body[0]
    assert isinstance(statement, ast.Try)
    assert is_broad(statement.handlers[0]) is broad


WATCH_IMPORTS = """
import importlib, os, sys, threading
done = []

def watch(event, given):
    writes = event == "open" and isinstance(given[1], str) and set(given[1]) & set("wxa+")
    if writes or event in {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "sqlite3.connect",
                           "os.mkdir", "os.remove", "signal.signal", "_thread.start_new_thread"}:
        done.append((event, given))

sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
assert not done, done
assert threading.active_count() == 1, threading.enumerate()
"""


def test_importing_does_nothing() -> None:
    """No thread, connection, process, database or file comes of importing every module of the program."""
    names = [name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in PROGRAM]
    names += [name_of(path).removesuffix(".py").replace("/", ".") for path in PLUGINS if path.stem != "__init__"]
    command = [sys.executable, "-B", "-W", "error", "-c", WATCH_IMPORTS, *names]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()", id="thread"
        ),
        pytest.param("import sqlite3\nsqlite3.connect(':memory:').close()", id="database"),
        pytest.param("open('left-behind', 'w').close()", id="file"),
        pytest.param("import socket\nsocket.getaddrinfo('127.0.0.1', 80)", id="name-look-up"),
    ],
)
def test_an_import_that_does_something_is_noticed(tmp_path: Path, code: str) -> None:
    (tmp_path / "busy.py").write_text(code)
    command = [sys.executable, "-B", "-c", WATCH_IMPORTS, "busy"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert "AssertionError" in ended.stderr
