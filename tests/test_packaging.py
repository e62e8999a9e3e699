"""What the program imports is declared, with a bound and a reason, and locked without saying where it comes from."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
OWN = {"bot", "plugins", "tests"}
SHIPPED_BY = packages_distributions()
REQUIREMENT = re.compile(r'    "[\w.-]+>=[\d.!]+,<[\d.!]+(; [\w\'=<. ]+)?", +# \S')


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: Sequence[str]) -> set[str]:
    return {normal(re.split("[<>=]", requirement)[0]) for requirement in requirements}


def imported(folders: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """List the modules of others that the files of these folders import."""
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        if "node_modules" in path.parts:
            continue  # what npm brings has Python in it, too
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.partition(".")[0] not in OWN | sys.stdlib_module_names:
                    yield path, name


def distribution(module: str) -> str:
    """Name the distribution of a module; in a package that several share, it is called like the module."""
    top, _, rest = module.partition(".")
    found = set(map(normal, SHIPPED_BY[top]))
    return found.pop() if len(found) == 1 else normal(f"{top}.{rest.partition('.')[0]}")


@pytest.mark.parametrize(
    ("folders", "known"),
    [
        pytest.param(
            ["bot", "plugins"],
            declared(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["tracing"]),
            id="the-program",
        ),
        pytest.param(
            ["tests"], declared(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]), id="the-tests"
        ),
    ],
)
def test_what_is_imported_is_declared(folders: list[str], known: set[str]) -> None:
    found = {(distribution(name), path.relative_to(ROOT)) for path, name in imported(folders)}
    assert {each for each in found if each[0] not in known} == set()
    assert len(found) > 10


def test_each_package_of_the_program_is_installed() -> None:
    """One that is left out is there in a clone, and missing where somebody has installed it."""
    find = tomllib.loads(PYPROJECT)["tool"]["setuptools"]["packages"]["find"]
    there = {path.parent for folder in ("bot", "plugins") for path in (ROOT / folder).rglob("__init__.py")}
    names = {".".join(path.relative_to(ROOT).parts) for path in there}
    assert {name for name in names if not any(fnmatchcase(name, pattern) for pattern in find["include"])} == set()
    assert {"plugins.retries", "bot.migrations.versions"} <= names


def test_what_the_program_reads_beside_its_code_is_installed() -> None:
    """Examples for `gordon init`, catalogues, pages: in a clone they are there anyhow."""
    shipped = tomllib.loads(PYPROJECT)["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{pattern}" for package, found in shipped.items() for pattern in found]
    beside = {".py", ".pyc", ".md"}
    data = [path for folder in ("bot", "plugins") for path in (ROOT / folder).rglob("*") if path.suffix not in beside]
    names = {path.relative_to(ROOT).as_posix() for path in data if path.is_file()}
    assert {name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)} == set()
    assert "bot/examples/gordon.toml" in names


def test_each_dependency_has_bounds_and_a_reason() -> None:
    lines = re.findall(r'^    ".+[<>=].+$', PYPROJECT, re.MULTILINE)
    optional = PROJECT["optional-dependencies"].values()
    assert len(lines) == len(PROJECT["dependencies"]) + sum(len(group) for group in optional)
    assert [line for line in lines if not REQUIREMENT.match(line)] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_every_dependency_with_hashes_and_no_address(name: str) -> None:
    """A35: what is installed is what was chosen, to the byte."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    options = {line.split("=")[0] for line in re.findall(r"^ *(--\S+)", text, re.MULTILINE)}
    assert options == {"--hash"}
    wanted = declared(PROJECT["dependencies"])
    if name == "requirements-dev.lock":
        wanted |= declared(PROJECT["optional-dependencies"]["dev"])
    assert wanted - {normal(found) for found in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)} == set()
