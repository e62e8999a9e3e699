"""`gordon known`: look through catalogues, and tell what they find in logs."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.diagnosis.catalogue import SHIPPED, Catalogue, load_catalogue
from bot.diagnosis.given import chunks_given, expand, is_address, logs_in
from bot.diagnosis.lint import lint
from bot.diagnosis.plain_file import read_whole
from bot.diagnosis.reading import Extent, pages
from bot.diagnosis.redaction import Redaction
from bot.diagnosis.signs import Signature
from bot.diagnosis.sources import Unreadable, chunks_of
from bot.errors import ConfigError, GordonError, shown
from bot.printing import printed

WELL, FOUND, WRONG = 0, 1, 2
SHOWN_CHARS = 160


def run(given: argparse.Namespace) -> int:
    """Run what `command_line.add_known` has parsed, and return the exit status."""
    try:
        return printed(lambda: _run(given), WRONG)
    except GordonError as error:
        print(error, file=sys.stderr)
        return WRONG


def _run(given: argparse.Namespace) -> int:
    if given.action == "check":
        return _check(given.files, given.green)
    return _test(given.logs, given.catalogue, shipped=not given.only, as_json=given.json)


def _check(files: Sequence[Path], folder: Path | None) -> int:
    shipped = sorted(SHIPPED.glob("*.toml"))
    files = files or shipped
    for file in files:
        try:
            read_whole(file)
        except OSError as error:  # what is not there is no finding
            raise ConfigError((f"{file}: {error.strerror}",)) from error
    if folder is not None and not folder.is_dir():
        raise ConfigError((f"{folder}: is no folder of logs",))
    looked_at = {file.resolve() for file in files}
    beside = load_catalogue([file for file in shipped if file.resolve() not in looked_at], shipped=False)
    green = [chunks_of(log, Extent()) for log in logs_in(folder)] if folder else []
    findings = lint(files, today=datetime.now(UTC).date(), green=green, beside=beside)
    for finding in findings:
        print(finding)
    return FOUND if any(finding.is_error for finding in findings) else WELL


def _test(given: Sequence[str], catalogues: Sequence[Path], *, shipped: bool, as_json: bool) -> int:
    catalogue = load_catalogue(catalogues, shipped=shipped)
    redaction = Redaction()
    totals: Counter[str] = Counter()
    all_read = True
    for log in expand(given):
        try:
            for place in _places(log, catalogue, redaction):
                totals[place["id"]] += 1
                print(json.dumps(place) if as_json else "{file}:{line}: {id} (retry {retry}): {text}".format(**place))
        except Unreadable as error:
            why = str(error).removeprefix(f"{shown(log)}: ")  # where the name is cut short
            print(f"{redaction.clean_line(log)}: {why}", file=sys.stderr)
            all_read = False
    if as_json:
        print(json.dumps({"totals": dict(totals.most_common())}))
    else:
        for sign_id, count in totals.most_common():
            print(f"{count:7}  {sign_id}")
    if not all_read:
        return WRONG
    return WELL if totals else FOUND


def _places(log: str, catalogue: Catalogue, redaction: Redaction) -> Iterator[dict[str, Any]]:
    name = redaction.clean_line(log)
    if is_address(log):
        raise Unreadable(f"{shown(log)}: an address, not a file: save the log first")
    extent = Extent()
    for page in pages(chunks_given(log, extent), extent):
        for position in catalogue.scan(page.text):
            sign = catalogue.signs[position]
            if not isinstance(sign, Signature):
                continue
            for found in catalogue.found(position, page.text):
                begin = page.text.rfind(b"\n", 0, found.tell_start) + 1
                end = page.text.find(b"\n", found.tell_start)
                line = page.text[begin : end if end >= 0 else len(page.text)]
                yield {
                    "file": name,
                    "id": sign.id,
                    "line": page.first_line + page.text.count(b"\n", 0, begin),
                    "retry": sign.retry,
                    "text": redaction.clean_line(line.decode("utf-8", "replace").strip())[:SHOWN_CHARS],
                }
