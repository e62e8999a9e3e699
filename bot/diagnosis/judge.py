"""From what a scan found to a verdict."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from bot.diagnosis.catalogue import Catalogue
from bot.diagnosis.failed_names import distinct
from bot.diagnosis.fingerprint import fingerprint
from bot.diagnosis.hits import Ending, Hit, Scan
from bot.diagnosis.quotation import quoted_range
from bot.diagnosis.ranking import (
    NEAR_LINES,
    Ranked,
    explaining,
    first_of_same,
    lines_until_mark,
    marks_of,
    rank,
    worth,
    worth_of_post,
)
from bot.diagnosis.reading import Extent, pages
from bot.diagnosis.scan import scan as scan_pages
from bot.diagnosis.signs import TELL, Role, Shape, Signature
from bot.diagnosis.starts import Starts
from bot.diagnosis.verdict import FailureClass, Kind, Verdict

PASSED = {"SUCCESS", "SUCCEEDED", "PASSED", "PASS", "OK", "0", "EXITED WITH CODE 0"}
RESULTS = {"FAILED": "FAILURE", "FAIL": "FAILURE", "CANCELED": "ABORTED", "CANCELLED": "ABORTED", "STOPPED": "ERRORED"}
TOO_WEAK = 24.0  # of a score: less is a word that happens to look like an error
LATE_LINES = 100  # after the last word; more is said only by a build that goes on
SOON_LINES = 120  # within which a step ends after what ended it: a trace may stand between
SURELY_OVER = 0.9  # of the worth of a mark after which only steps after the build follow
NAMES_IT = 88.0  # from this on a failure of code stands by itself, however near to another
CLOSE = 0.85  # of the best score: what comes so near is a second failure beside it

INFRASTRUCTURE = {
    FailureClass.DOCKER_DAEMON,
    FailureClass.IMAGE_REGISTRY,
    FailureClass.NETWORK,
    FailureClass.DEPENDENCY_MIRROR,
    FailureClass.SCM,
    FailureClass.DISK_FULL,
    FailureClass.OOM_KILLED,
    FailureClass.KERNEL,
}
# Of these another try gives the same, whatever wrote them.
OF_THE_CHANGE = {
    FailureClass.COMPILE_ERROR: "the code does not compile",
    FailureClass.LINT: "the code breaks a rule",
    FailureClass.CI_CONFIG: "the set-up of the job or its machine has to change first",
    FailureClass.CREDENTIALS: "somebody has to mend the access first",
    FailureClass.DEPLOY: "somebody has to see in which state it was left",
    FailureClass.ABORTED: "somebody stopped it",
}
OF_CODE = {FailureClass.COMPILE_ERROR, FailureClass.LINT, FailureClass.TEST_FAILURE}
STAYING = {*OF_THE_CHANGE, FailureClass.TEST_FAILURE} - {FailureClass.ABORTED}
KINDS = {
    FailureClass.SUCCESS: Kind.PASSED,
    FailureClass.TEST_FLAKE: Kind.FLAKY_TEST,
    FailureClass.COMPILE_ERROR: Kind.COMPILE_ERROR,
    FailureClass.ABORTED: Kind.ABORTED,
    FailureClass.AGENT_LOST: Kind.AGENT_LOST,
    FailureClass.TIMEOUT: Kind.TIMEOUT,
}


def diagnose(
    chunks: Iterable[bytes],
    catalogue: Catalogue,
    *,
    extent: Extent | None = None,
    green: Collection[bytes] = (),
    result: str = "",
) -> Verdict:
    """Tell why a build failed.

    Arguments:
        chunks: its log as stored, in pieces of any size.
        extent: filled with how much was read; whoever opened the log may have noted there why it is not whole.
        green: normalised lines of logs of builds that passed, which are no reason to fail.
        result: what the CI says that the build came to, where that was asked; a log may only look as if it said so.
    """
    extent = Extent() if extent is None else extent
    found = scan_pages(pages(chunks, extent), catalogue)
    if result:
        ending = found.ending
        line = ending.line if ending and not _is_quoted(ending, found) else found.line_count + 1
        found = replace(found, ending=Ending(result, line))
    # A last line of which nothing is left, as progress that was taken back, is a line all the same.
    found = replace(found, line_count=max(found.line_count, extent.lines))
    verdict = judge(found, catalogue, green)
    return replace(verdict, around=_around(verdict.chunk, found), why_partial=extent.why_partial)


def _around(chunk: tuple[int, int] | None, scan: Scan) -> tuple[str, str]:
    """Take the lines above and below the quoted ones."""
    if chunk is None:
        return "", ""
    return _decoded(scan.lines.get(chunk[0] - 1, b"")), _decoded(scan.lines.get(chunk[1] + 1, b""))


def judge(scan: Scan, catalogue: Catalogue, green: Collection[bytes] = ()) -> Verdict:
    """Choose the hit that is why the build failed, and say what is to be done about it."""
    result = _result(scan)
    if result == "SUCCESS" and scan.ending and _is_quoted(scan.ending, scan):
        scan, result = replace(scan, ending=None), ""
    if result == "SUCCESS":
        return Verdict(
            Kind.PASSED,
            FailureClass.SUCCESS,
            retry=False,
            why="nothing failed",
            confidence=0.95,
            result=result,
            lines=scan.line_count,
        )
    ranked = rank(scan, green)
    ranked = [one for one in ranked if one.score >= TOO_WEAK or _tells_itself(one.hit)]
    if not ranked:
        return _last_lines(scan, result)
    return _told(_chosen(ranked, scan), ranked, scan, catalogue, result)


def _is_quoted(ending: Ending, scan: Scan) -> bool:
    """Tell whether a last word is that of another log, which this one quotes: too much is said after it."""
    return scan.line_count - ending.line > LATE_LINES


def _tells_itself(hit: Hit) -> bool:
    """Tell whether a consequence names what failed, as a publisher without reports does; it is all there may be."""
    return hit.role is Role.CONSEQUENCE and hit.sign.failure_class is not FailureClass.UNKNOWN


@dataclass(frozen=True, slots=True)
class _Choice:
    """The hit that tells a failure, and the signature that explains it, if one does."""

    hit: Hit
    score: float
    signature: Signature | None
    goes_on: int  # lines until a step ends
    over_at: int | None  # the line above it, if there is one, after which only steps after the build follow

    @property
    def failure_class(self) -> FailureClass:
        return self.signature.failure_class if self.signature else self.hit.sign.failure_class


def _chosen(ranked: Sequence[Ranked], scan: Scan) -> _Choice:
    """Take the best hit, at its first place, and the signature that stands in the same message."""
    best = ranked[0]
    own = best.hit.sign
    signature = explaining(best, ranked, scan) or (own if isinstance(own, Signature) else None)
    hit = _telling(first_of_same(best, ranked), ranked)
    return _Choice(
        hit, best.score, signature, lines_until_mark(best.hit, marks_of(scan)), _over_before(hit.first, scan)
    )


def _over_before(line: int, scan: Scan) -> int | None:
    """Find where, above a line, the steps of the build itself surely end: it had failed, or passed, by then."""
    marks = [hit for hit in scan.hits if hit.role is Role.POST and not hit.is_tolerated]
    return next((hit.line for hit in marks if hit.line < line and worth_of_post(hit) >= SURELY_OVER), None)


def _telling(hit: Hit, ranked: Sequence[Ranked]) -> Hit:
    """Of a signature that goes over several lines, take the one that says most."""
    if hit.first == hit.last or TELL in hit.groups:
        return hit
    within = [one.hit for one in ranked if hit.first <= one.hit.line <= hit.last and one.hit.role is Role.CAUSE]
    shapes = [one for one in within if isinstance(one.sign, Shape)]
    best = max(shapes, key=lambda one: (worth(one), -one.line), default=hit)
    return hit if best.line == hit.line else best


def _told(choice: _Choice, ranked: Sequence[Ranked], scan: Scan, catalogue: Catalogue, result: str) -> Verdict:
    failure_class = choice.failure_class
    if failure_class is FailureClass.UNKNOWN:
        failure_class = _class_near(choice, ranked)
    retry, why = _retry(choice, failure_class, ranked)
    tests = distinct(scan.failed_tests)
    is_test = failure_class in (FailureClass.TEST_FAILURE, FailureClass.TEST_FLAKE)
    chunk = quoted_range(choice.hit, scan, [one.hit for one in ranked], Starts(catalogue.signs))
    return Verdict(
        _kind(failure_class, choice),
        failure_class,
        cause=choice.signature.id if choice.signature else choice.hit.sign.id,
        retry=retry,
        why=why,
        confidence=_confidence(choice, ranked),
        line=choice.hit.line,
        chunk=chunk,
        text=_decoded(choice.hit.text),
        quoted=_quoted(chunk, choice.hit, scan),
        failed_tests=tests,
        fingerprint=fingerprint(failure_class, choice.hit.text, tests[0] if tests and is_test else ""),
        result=result,
        lines=scan.line_count,
    )


def _class_near(choice: _Choice, ranked: Sequence[Ranked]) -> FailureClass:
    """Take the class of the best hit in the same message that has one."""
    for one in ranked:
        if (
            one.hit.sign.failure_class is not FailureClass.UNKNOWN
            and abs(one.hit.line - choice.hit.line) <= 2 * NEAR_LINES
        ):
            return one.hit.sign.failure_class
    return FailureClass.UNKNOWN


def _retry(choice: _Choice, failure_class: FailureClass, ranked: Sequence[Ranked]) -> tuple[bool | None, str]:
    """Decide whether another try is sensible: only a signature says yes, and only where nothing else failed."""
    signature = choice.signature
    if signature and signature.retry == "false":
        return False, f"{signature.id} looks like a flake and is none: {signature.note or 'it comes again'}"
    if signature and signature.retry == "true":
        if choice.goes_on > SOON_LINES:
            return (
                None,
                f"{signature.id} is worth another try, but the build went on for long after line {choice.hit.line}",
            )
        if choice.over_at is not None:
            return None, f"{signature.id} is worth another try, but the build was over before, in line {choice.over_at}"
        beside = _beside(choice, ranked)
        if beside is not None:
            return None, f"{signature.id} is worth another try, but line {beside.line} tells of another failure"
        return True, f"{signature.id} is a known {failure_class} failure that passes by itself"
    if reason := OF_THE_CHANGE.get(failure_class):
        return False, f"another try gives the same: {reason}"
    if signature:
        return None, f"{signature.id} is known, and whether it passes by itself depends"
    if failure_class is FailureClass.TEST_FAILURE:
        if known := _known_within(choice.hit, ranked):
            return None, f"a test failed, and its message has {known.id}, which is known to pass by itself"
        return False, "a test failed and is not known as a flake"
    return None, "no known failure explains it"


def _known_within(test: Hit, ranked: Sequence[Ranked]) -> Signature | None:
    """Find what passes by itself in the message of a failed test: that may be why, or what the test is about."""
    for one in ranked:
        sign = one.hit.sign
        is_within = 0 <= one.hit.line - test.line <= NEAR_LINES
        if is_within and isinstance(sign, Signature) and sign.retry == "true":
            return sign
    return None


def _beside(choice: _Choice, ranked: Sequence[Ranked]) -> Hit | None:
    """Find a failure that stays, elsewhere and told about as surely: of the change, of the set-up, or a known one."""
    for one in ranked:
        if one.score < CLOSE * choice.score:
            return None
        sign = one.hit.sign
        is_of_code = sign.failure_class in OF_CODE and worth(one.hit) >= NAMES_IT
        is_elsewhere = abs(one.hit.line - choice.hit.line) > NEAR_LINES or (
            is_of_code and not choice.hit.first <= one.hit.line <= choice.hit.last
        )
        is_of_a_trace = one.hit.text.startswith(b"Caused")  # perhaps of the trace that is told already
        is_negative = isinstance(sign, Signature) and sign.retry == "false"
        stays = is_negative or (sign.failure_class in STAYING and not is_of_a_trace)
        if is_elsewhere and stays and one.hit.role is Role.CAUSE:
            return one.hit
    return None


def _kind(failure_class: FailureClass, choice: _Choice) -> Kind:
    if kind := KINDS.get(failure_class):
        return kind
    signature = choice.signature
    if signature and signature.retry != "false" and failure_class in INFRASTRUCTURE:
        return Kind.KNOWN_INFRA
    if signature and signature.retry == "true" and failure_class is FailureClass.TEST_FAILURE:
        return Kind.FLAKY_TEST
    return Kind.NEW_FAILURE


def _confidence(choice: _Choice, ranked: Sequence[Ranked]) -> float:
    """Tell how sure the choice is: by what the hit is worth, and by how far behind the next other failure is."""
    others = [one.score for one in ranked if abs(one.hit.line - choice.hit.line) > NEAR_LINES]
    others = [score for score in others if score < choice.score]
    lead = min(1.0, (choice.score - others[0]) / 30) if others else 1.0
    own = min(1.0, max(worth(choice.hit), 80.0 if choice.signature else 0.0) / 100)
    return round(own * (0.6 + 0.4 * lead), 2)


def _result(scan: Scan) -> str:
    if scan.ending is None:
        return ""
    word = scan.ending.result.upper()
    if word in PASSED:
        return "SUCCESS"
    if word.isdigit():
        return "FAILURE"
    return RESULTS.get(word, word)


def _last_lines(scan: Scan, result: str) -> Verdict:
    """Quote the last lines of the step that failed, or of the log, and say that it is no more than that."""
    marks = [hit.line for hit in scan.hits if hit.role in (Role.CONSEQUENCE, Role.POST) and not hit.is_tolerated]
    if scan.ending:
        marks.append(scan.ending.line)
    end = min(marks) - 1 if marks else scan.line_count
    numbers = [n for n in range(max(1, end - 14), end + 1) if scan.lines.get(n, b"").strip()]
    if not numbers:
        numbers = [n for n in scan.tail if scan.lines.get(n, b"").strip()] or list(scan.tail)
    if not numbers:
        return Verdict(Kind.UNKNOWN, FailureClass.UNKNOWN, why="the log is empty", result=result, lines=scan.line_count)
    line, chunk = numbers[-1], (numbers[0], numbers[-1])
    text = scan.lines.get(line, b"")
    is_stopped = result == "ABORTED"
    unsaid = "why it failed" if result or marks else "that it failed, or why"
    return Verdict(
        Kind.ABORTED if is_stopped else Kind.UNKNOWN,
        FailureClass.ABORTED if is_stopped else FailureClass.UNKNOWN,
        retry=False if is_stopped else None,
        why=f"nothing in the log says {unsaid}; these are only its last lines",
        confidence=0.3 if is_stopped else 0.1,
        line=line,
        chunk=chunk,
        text=_decoded(text),
        quoted=tuple(_decoded(scan.lines.get(n, b"")) for n in range(chunk[0], chunk[1] + 1)),
        failed_tests=distinct(scan.failed_tests),
        fingerprint=fingerprint(FailureClass.UNKNOWN, text),
        result=result,
        lines=scan.line_count,
    )


def _quoted(chunk: tuple[int, int], hit: Hit, scan: Scan) -> tuple[str, ...]:
    return tuple(
        _decoded(hit.text if number == hit.line else scan.lines.get(number, b""))
        for number in range(chunk[0], chunk[1] + 1)
    )


def _decoded(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()
