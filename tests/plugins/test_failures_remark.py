"""The comment on a pull request: what it lists, and that nothing of a log gets out of its fences."""

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.facts import Diagnosis, Fact
from bot.secret import redact_markdown
from bot.values import BuildRef, JobRef, PullRef, Result
from plugins.failures.remark import MAX_BYTES, MAX_CONTEXTS, fenced, remark
from tests.plugins.failures_said import COMPILE, DEVICEMAPPER, LOG, SHA, TEST_FAILS

PULL = PullRef("moby/moby", 1234)
F, S = Result.FAILURE, Result.SUCCESS


def fact(context: str, result: Result, said: Diagnosis = TEST_FAILS, number: int = 981, **more: Any) -> Fact:
    values: dict[str, Any] = {"url": f"https://ci/{number}/", "pull": PULL, "sha": SHA, "duration_s": 1080.0} | more
    return Fact(number, f"r-{context}", BuildRef(JobRef("ci", context), number), "", context, result, said, **values)


def cell(of: Fact, name: str, said: Diagnosis) -> Fact:
    return replace(of, cell=name, diagnosis=said)


def test_nothing_is_written_while_nothing_has_failed() -> None:
    assert remark([], {}) == ""
    assert remark([fact("janky", S), fact("lxc", Result.ABORTED)], {}) == ""


def test_each_context_that_failed_has_its_verdict_and_its_lines() -> None:
    facts = [fact("janky", F, node="dm-7"), fact("lxc", Result.UNSTABLE, COMPILE, 7), fact("zfs", S)]
    assert remark(facts, {}) == (
        "**2 of 3 contexts failed at 3f2c1ab**\n\n"
        "### [`janky #981`](https://ci/981/) failed: `new failure in TestRunVolumes`\n\n"
        f"After 18m on `dm-7`, not seen in 30 days; [`line 14233`]({LOG})\n\n"
        "```text\n--- FAIL: TestRunVolumes (12.40s)\ntimed out waiting for container\n```\n\n"
        "### [`lxc #7`](https://ci/7/) is unstable: `compile error`\n\n"
        "After 18m\n\n"
        "```text\nx.go:3: undefined: y\n```"
    )


def test_the_cells_of_a_matrix_are_listed_with_their_causes() -> None:
    matrix = fact("matrix", F)
    cells = [cell(matrix, "FS=aufs", DEVICEMAPPER), cell(matrix, "FS=zfs", TEST_FAILS)]
    body = remark([matrix, *cells], {})
    assert "- `FS=aufs`: `known Docker trouble (dm-init-rootfs, 14 times this week)`\n- `FS=zfs`: `new failure" in body
    assert body.startswith("**1 of 1 contexts failed")
    many = [cell(matrix, f"A={n}", TEST_FAILS) for n in range(24)]
    assert "\n- and 16 more\n" in remark([matrix, *many], {})


def test_what_is_tried_again_has_not_failed_yet() -> None:
    facts = [fact("janky", F, DEVICEMAPPER), fact("lxc", F)]
    retries = {"r-janky": "dm-init-rootfs, 2 of 3"}
    body = remark(facts, retries)
    assert body.startswith("**1 of 2 contexts failed")
    assert body.endswith("`janky` is being tried again (`dm-init-rootfs, 2 of 3`).")
    assert remark(facts[:1], retries) == ""


HOSTILE = [
    pytest.param("```", id="a-fence"),
    pytest.param("``````text", id="a-longer-fence"),
    pytest.param("~~~", id="another-fence"),
    pytest.param("@moby/maintainers see #12 <!-- gordon:other -->", id="a-mention-a-number-and-a-marker"),
    pytest.param("</code></pre><img src=x>", id="html"),
    pytest.param("a\n```\n# heading", id="a-line-break"),
    pytest.param("\u202eevil\u2066", id="direction"),
    pytest.param("@jess #1 token=", id="what-a-secret-may-follow"),
    pytest.param("@jess #1 password=[secret]", id="where-a-secret-was"),
    pytest.param("authorization:", id="a-header"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_log_gets_out_of_its_fence(text: str) -> None:
    """A26."""
    said = replace(TEST_FAILS, quoted=("before", text, "after"), failed_tests=(text,), text=text)
    body = redact_markdown(remark([fact("janky", F, said, node=text)], {"x": text}))  # as it leaves the program
    fence = re.search(r"^(`{3,})text$", body, re.MULTILINE)
    assert fence
    inside = body.split(fence[0], 1)[1].split(f"\n{fence[1]}", 1)
    assert inside[1] == "", "the fence ends where the comment does"
    assert "after" in inside[0]
    outside = re.sub(r"`[^`\n]*`", "", body.split(fence[0], 1)[0])
    assert not re.search(r"[@<]|#\d", outside)


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row}-backticks") for row in (0, 1, 3, 9)])
def test_a_fence_is_longer_than_any_row_of_its_marks(row: int) -> None:
    lines = fenced(["`" * row]).splitlines()
    assert lines[0].removesuffix("text") == lines[-1]
    assert len(lines[-1]) == max(3, row + 1)


def test_a_comment_is_never_longer_than_the_forge_takes() -> None:
    said = replace(TEST_FAILS, quoted=("\N{SNOWMAN}" * 300,) * 15)
    body = remark([fact(f"context-{n}", F, said, n) for n in range(1, 40)], {})
    assert len(body.encode()) <= MAX_BYTES + 100
    assert re.search(r"\.\.\.and \d+ more\.$", body)


def test_no_more_contexts_are_listed_than_one_reads() -> None:
    body = remark([fact(f"context-{n}", F, number=n) for n in range(1, 40)], {})
    assert body.count("### ") == MAX_CONTEXTS
    assert "...and 19 more." in body


def test_an_address_that_could_end_its_link_is_none() -> None:
    body = remark([fact("janky", F, url="https://ci/x) @all (")], {})
    assert "### `janky #981` failed" in body
    assert "@all" not in body
