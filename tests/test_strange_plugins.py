"""A35: plugins that nobody listed, or that look like one that somebody did: no line of theirs runs."""

import sys
from pathlib import Path

import pytest

from bot.loader import load_plugins

BOOBY_TRAPPED = """from pathlib import Path

from bot.plugin import Plugin

Path({mark!r}).touch()
plugin = Plugin({name!r})
"""


def trap(folder: Path, file: str, name: str) -> Path:
    """Write a plugin that leaves a mark as soon as it is imported, and tell where."""
    folder.mkdir(exist_ok=True)
    mark = folder / f"{file}.ran"
    (folder / f"{file}.py").write_text(BOOBY_TRAPPED.format(mark=str(mark), name=name))
    return mark


def installed(site: Path, module: str, name: str) -> Path:
    """Write a package that somebody has installed, and that offers a plugin by an entry point."""
    mark = trap(site, module, name)
    told = site / f"{module}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(f"[gordon.plugins]\n{name} = {module}\n")
    return mark


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.parametrize("name", ["evil", "rebuiid", "Rebuild", "rebuild_"])
def test_what_is_there_and_not_listed_does_not_run(tmp_path: Path, site: Path, name: str) -> None:
    marks = [trap(tmp_path / "plugins", name, name), installed(site, f"pip_{name}", name)]
    registry = load_plugins(["rebuild"], {}, tmp_path / "plugins")
    assert (list(registry.plugins), registry.broken) == (["rebuild"], {})
    assert not any(mark.exists() for mark in marks)
    assert f"pip_{name}" not in sys.modules


@pytest.mark.parametrize("is_installed", [True, False], ids=["installed", "in-the-folder"])
def test_what_takes_the_name_of_one_of_ours_does_not_run_and_neither_is_loaded(
    tmp_path: Path, site: Path, is_installed: bool
) -> None:
    mark = (
        installed(site, "pip_rebuild", "rebuild") if is_installed else trap(tmp_path / "plugins", "rebuild", "rebuild")
    )
    registry = load_plugins(["rebuild"], {}, tmp_path / "plugins")
    assert registry.broken == {"rebuild": 'there are 2 plugins called "rebuild"; rename one'}
    assert not mark.exists()


def test_one_that_calls_itself_by_the_name_of_another_is_not_loaded(tmp_path: Path) -> None:
    trap(tmp_path / "plugins", "greetings", "rebuild")
    registry = load_plugins(["greetings", "rebuild"], {}, tmp_path / "plugins")
    assert list(registry.plugins) == ["rebuild"]
    assert 'calls itself "rebuild", not "greetings"' in registry.broken["greetings"]


def test_what_is_listed_runs(tmp_path: Path, site: Path) -> None:
    """So that the marks of the tests above could be there."""
    mark = installed(site, "pip_wanted", "wanted")
    assert list(load_plugins(["wanted"], {}).plugins) == ["wanted"]
    assert mark.exists()
