"""Who hears that a pull request has moved on, and in which words."""

from dataclasses import replace

import pytest

from bot.commands import Names
from bot.events import Ask, AskedBuild
from bot.values import Place, Pull, PullRef
from plugins.heads import phrase, shares

OLD, NEW = "3f2c1ab9" * 5, "9d0e4f21" * 5
PULL = Pull(PullRef("moby/moby", 7), "Fix", "icecrime", 7, NEW, "master", "icecrime/moby", "https://gh/7")
TIANON = Ask("tianon", Place("libera", "#moby", to="tianon"), "e1")
JESS = Ask("jess", Place("libera", "#moby", to="jess"), "e2")
PRIVATE = Ask("jess", Place("libera", "jess", to="jess", private=True, account="jess"), "e3")


def asked(context: str, number: int | None = None, *asks: Ask, is_sent: bool = True) -> AskedBuild:
    return AskedBuild(request_id=context, context=context, sha=OLD, number=number, is_sent=is_sent, asks=asks)


@pytest.mark.parametrize(
    ("builds", "words"),
    [
        pytest.param([asked("janky", 5513)], "janky (#5513) was asked", id="one-that-runs"),
        pytest.param([asked("windows")], "windows (queued) was asked", id="one-that-waits"),
        pytest.param([asked("lxc", is_sent=False)], "lxc (not started yet) was asked", id="one-that-is-not-sent"),
        pytest.param(
            [asked("windows"), asked("janky", 5513)], "janky (#5513) and windows (queued) were asked", id="two-by-name"
        ),
        pytest.param(
            [asked("a", 1), asked("b", 2), asked("c", 3)], "a (#1), b (#2) and c (#3) were asked", id="more-of-them"
        ),
    ],
)
def test_what_was_asked_for_the_old_head_is_named(builds: list[AskedBuild], words: str) -> None:
    assert phrase(PULL, OLD, builds) == (
        f"moby#7 has moved from 3f2c1ab to 9d0e4f2: {words} for the old commit; say rebuild moby/moby#7 for the new one"
    )


@pytest.mark.parametrize(
    ("builds", "words"),
    [
        pytest.param([asked("janky", 5513)], "janky (#5513) was asked for the old commit and goes on", id="one"),
        pytest.param(
            [asked("windows"), asked("janky", 5513)],
            "janky (#5513) and windows (queued) were asked for the old commit and go on",
            id="two",
        ),
    ],
)
def test_where_pushes_are_built_by_themselves_nobody_is_told_to_rebuild(builds: list[AskedBuild], words: str) -> None:
    told = phrase(PULL, OLD, builds, is_automatic=True)
    assert told == f"moby#7 has moved from 3f2c1ab to 9d0e4f2: {words}; the new one is built by itself"


def test_what_is_to_be_said_means_this_repository_where_another_has_the_short_name() -> None:
    fork = replace(PULL, ref=PullRef("fork/moby", 7))
    names = Names(repos={"moby/moby": "moby/moby", "fork/moby": "fork/moby", "moby": "moby/moby"})
    advice = phrase(fork, OLD, [asked("janky", 1)]).partition("say rebuild ")[2].split()[0]
    assert names.pull(advice) == (fork.ref, "")


@pytest.mark.parametrize(
    ("builds", "heard"),
    [
        pytest.param([asked("janky", 1)], {}, id="nobody-asked"),
        pytest.param(
            [asked("janky", 1, TIANON), asked("lxc", 2, TIANON)], {TIANON.place: ["janky", "lxc"]}, id="both-by-one"
        ),
        pytest.param(
            [asked("janky", 1, TIANON, JESS)],
            {Place("libera", "#moby", to="tianon, jess"): ["janky"]},
            id="two-in-one-place",
        ),
        pytest.param(
            [asked("janky", 1, TIANON), asked("lxc", 2, PRIVATE)],
            {TIANON.place: ["janky"], PRIVATE.place: ["lxc"]},
            id="in-private",
        ),
    ],
)
def test_everybody_hears_of_what_they_asked_for(builds: list[AskedBuild], heard: dict[Place, list[str]]) -> None:
    assert {place: [build.context for build in found] for place, found in shares(builds)} == heard
