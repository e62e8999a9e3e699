"""`gordon known`: look through catalogues, and tell what they find in logs."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.diagnosis.catalogue import SHIPPED, Catalogue, CatalogueError, load_catalogue
from bot.diagnosis.lint import lint
from bot.diagnosis.reading import Extent, pages
from bot.diagnosis.redaction import Redaction
from bot.diagnosis.signs import Signature
from bot.diagnosis.sources import Unreadable, chunks_of

WELL, FOUND, WRONG = 0, 1, 2
SHOWN_CHARS = 160


def run(given: argparse.Namespace) -> int:
    """Run what `command_line.add_known` has parsed, and return the exit status."""
    try:
        if given.action == "check":
            return _check(given.files, given.green)
        return _test(given.logs, given.catalogue, shipped=not given.only, as_json=given.json)
    except (OSError, CatalogueError, Unreadable) as error:
        print(error, file=sys.stderr)
        return WRONG


def _check(files: Sequence[Path], folder: Path | None) -> int:
    files = files or sorted(SHIPPED.glob("*.toml"))
    for file in files:
        file.open("rb").close()  # what is not there is no finding
    green = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()} if folder else {}
    findings = lint(files, today=datetime.now(UTC).date(), green=green)
    for finding in findings:
        print(finding)
    return FOUND if any(finding.is_error for finding in findings) else WELL


def _test(logs: Sequence[Path], catalogues: Sequence[Path], *, shipped: bool, as_json: bool) -> int:
    catalogue = load_catalogue(catalogues, shipped=shipped)
    totals: Counter[str] = Counter()
    for log in logs:
        for place in _places(log, catalogue):
            totals[place["id"]] += 1
            print(json.dumps(place) if as_json else "{file}:{line}: {id} (retry {retry}): {text}".format(**place))
    if as_json:
        print(json.dumps({"totals": dict(totals.most_common())}))
    else:
        for sign_id, count in totals.most_common():
            print(f"{count:7}  {sign_id}")
    return WELL if totals else FOUND


def _places(log: Path, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    redaction = Redaction()
    extent = Extent()
    for page in pages(chunks_of(log, extent), extent):
        for position in catalogue.scan(page.text):
            sign = catalogue.signs[position]
            if not isinstance(sign, Signature):
                continue
            for found in catalogue.found(position, page.text):
                begin = page.text.rfind(b"\n", 0, found.tell_start) + 1
                end = page.text.find(b"\n", found.tell_start)
                line = page.text[begin : end if end >= 0 else len(page.text)]
                yield {
                    "file": str(log),
                    "id": sign.id,
                    "line": page.first_line + page.text.count(b"\n", 0, begin),
                    "retry": sign.retry,
                    "text": redaction.clean_line(line.decode("utf-8", "replace").strip())[:SHOWN_CHARS],
                }
