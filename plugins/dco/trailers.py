"""The trailers of a commit message, as git finds them: `git interpret-trailers --parse --no-divider`, git 2.20 and on.

They are lines `Key: value` at the end of the message, after a blank line: a block of nothing else, or one of which a
quarter is trailers and one line at least is git's own. Git counts bytes; what is told apart here is ASCII all the same.
"""

import re
from collections.abc import Sequence

SPACE = " \t\r\n"  # all that git takes for it
COMMENT = "#"
TRAILER = re.compile(r"([A-Za-z0-9-]+)[ \t]*:")
GENERATED = ("Signed-off-by: ", "(cherry picked from commit ")  # what git writes by itself
SCISSORS = "# ------------------------ >8 ------------------------\n"  # of `git commit -v`: what follows is cut off
MAX_LINES = 2000  # of a block; git knows no limit, but then a message may take as long as its writer likes
CONFLICTS = "Conflicts:"  # what old versions of git left behind a merge, with a path in each line


def trailers(message: str, also: Sequence[str] = ()) -> list[tuple[str, str]]:
    """List the trailers of a message as keys and values; a value that was folded is on one line.

    Arguments:
        also: keys that git would not take for any, treated as if it wrote them by itself.
    """
    lines = _without_tail(message.partition("\0")[0])
    found: list[tuple[str, list[str]]] = []
    is_open = False  # the next line may go on with the value
    for line in lines[_start(lines, also) :]:
        if is_open and _is_folded(line):
            found[-1][1].append(line.lstrip(SPACE))
        elif is_open := bool(key := _key(line, also)):
            found.append((key, [line.partition(":")[2]]))
    return [(key, " ".join(value).strip(SPACE)) for key, value in found]


def _without_tail(message: str) -> list[str]:
    """Cut a message into lines, without what stands behind the end of its words: comments, conflicts, blank lines."""
    cut = 0 if message.startswith(SCISSORS) else message.find(f"\n{SCISSORS}") + 1 or len(message)
    lines = message[:cut].split("\n")
    is_whole = not lines[-1]  # the last line has its end
    if is_whole:
        lines.pop()
    tail = 0  # where the lines begin that do not count; git knows none that begin with the first line
    in_conflicts = False
    for number, line in enumerate(lines):
        if not line or line.startswith(COMMENT):
            tail = tail or number
        elif line == CONFLICTS and (is_whole or number < len(lines) - 1):
            in_conflicts = True
            tail = tail or number
        elif tail and not (in_conflicts and line.startswith("\t")):
            tail, in_conflicts = 0, False
    return lines[:tail] if tail else lines


def _start(lines: Sequence[str], also: Sequence[str]) -> int:
    """Tell the number of the first line of the block; that behind the last where there is none."""
    none = len(lines)
    title = next((n for n, line in enumerate(lines) if not line.startswith(COMMENT) and _is_blank(line)), none)
    generated = (*GENERATED, *(f"{key}: " for key in also))
    good = bad = folded = 0  # `folded` lines are good if a trailer stands before them
    is_generated = is_begun = False
    for number in range(none - 1, max(title, none - MAX_LINES) - 1, -1):
        line = lines[number]
        if line.startswith(COMMENT):
            bad, folded = bad + folded, 0
        elif _is_blank(line):
            if is_begun:
                bad += folded
                is_block = good * 3 >= bad if is_generated else good and not bad
                return number + 1 if is_block else none
        else:
            is_begun = True
            if is_gits := line.startswith(generated):
                is_generated = True
            if is_gits or _key(line, also):
                good, folded = good + 1, 0
            elif _is_folded(line):
                folded += 1
            else:
                bad, folded = bad + 1 + folded, 0
    return none


def _key(line: str, also: Sequence[str]) -> str:
    if found := TRAILER.match(line):
        return found[1]
    return next((key for key in also if line.startswith(f"{key}:")), "")


def _is_blank(line: str) -> bool:
    return not line.strip(SPACE)


def _is_folded(line: str) -> bool:
    return line[:1] in SPACE  # what is empty, too: git sees the end of the line there
