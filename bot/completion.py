"""`gordon completion`: a script by which a shell completes what there is to type, made from the parser itself."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

FOLDERS = ("FOLDER", "folder")


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Write the script for a shell: bash, zsh or tcsh."""
    for action in _actions(parser):
        is_folder = action.metavar in FOLDERS or action.dest in FOLDERS
        if action.type is Path or action.metavar == "LOG":
            action.complete = shtab.DIRECTORY if is_folder else shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """List what a parser and those of its commands take."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
