"""What a text mentions is found by address or name, and only on servers that are configured."""

import pytest

from bot.chat import Mentioned
from bot.live import names_of
from bot.mentioned import MAX_CHARS, MAX_MENTIONED, mentioned
from bot.settings import (
    ContextSettings,
    CoreSettings,
    GitHubSettings,
    GordonSettings,
    JenkinsSettings,
    JobSettings,
    RepoSettings,
)

SETTINGS = GordonSettings(
    gordon=CoreSettings(home="moby/moby"),
    github=GitHubSettings(),
    jenkins={
        "ci": JenkinsSettings(url="https://ci.example/jenkins/"),
        "arm": JenkinsSettings(url="http://arm.example:8080"),
    },
    repos={
        "moby/moby": RepoSettings(
            aliases=("moby", "docker"),
            contexts={
                "janky": ContextSettings(jenkins="ci", job="docker-prs"),
                "multi": ContextSettings(jenkins="ci", job="teams/multi", branch="PR-{number}"),
            },
        )
    },
    jobs={"base-image": JobSettings(jenkins="ci", job="infra/base-image")},
)
JENKINS = "https://ci.example/jenkins"


def found(text: str, settings: GordonSettings = SETTINGS) -> list[str]:
    return [one.word for one in mentioned(text, settings, names_of(settings))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("why did base-image#12 fail?", ["base-image#12"], id="a-build-by-name"),
        pytest.param("see moby#7, please", ["moby/moby#7"], id="a-pull-by-name"),
        pytest.param("moby/moby#7.", ["moby/moby#7"], id="a-pull-in-full"),
        pytest.param(f"{JENKINS}/job/infra/job/base-image/12/", ["base-image#12"], id="a-build"),
        pytest.param(f"{JENKINS}/job/infra/job/base-image/12/console", ["base-image#12"], id="a-page-of-a-build"),
        pytest.param(f"({JENKINS}/view/all/job/docker-prs/3).", ["janky#3"], id="in-a-view-and-in-brackets"),
        pytest.param(f"{JENKINS}/job/docker-prs/ARCH=arm,FS=zfs/3/", ["janky#3"], id="a-cell"),
        pytest.param(f"{JENKINS}/job/teams/job/multi/job/PR-7/2/", ["multi/PR-7#2"], id="multibranch"),
        pytest.param(f"{JENKINS}/job/teams/job/multi/job/f%252Fx/2/", ["multi/f%2Fx#2"], id="a-branch-with-a-slash"),
        pytest.param("https://CI.example:443/jenkins/job/docker-prs/3", ["janky#3"], id="the-same-host-in-other-words"),
        pytest.param("https://github.com/moby/moby/pull/7/files", ["moby/moby#7"], id="a-page-of-a-pull"),
        pytest.param("<https://github.com/Moby/Moby/pull/7|base-image#9>", ["moby/moby#7", "base-image#9"], id="link"),
        pytest.param("moby#7 https://github.com/moby/moby/pull/7", ["moby/moby#7"], id="each-once"),
        pytest.param("docker-prs#5 then moby#7", ["docker-prs#5", "moby/moby#7"], id="in-their-order"),
    ],
)
def test_a_text_mentions(text: str, words: list[str]) -> None:
    assert found(text) == words


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://evil.example/jenkins/job/infra/job/base-image/12/", id="another-host"),
        pytest.param("https://ci.example@evil.example/jenkins/job/docker-prs/3", id="a-host-as-a-user"),
        pytest.param("https://a:b@ci.example/jenkins/job/docker-prs/3", id="with-a-password"),
        pytest.param("http://ci.example/jenkins/job/docker-prs/3", id="another-scheme"),
        pytest.param("https://ci.example:8443/jenkins/job/docker-prs/3", id="another-port"),
        pytest.param("https://ci.example/job/docker-prs/3", id="not-below-the-root"),
        pytest.param(f"{JENKINS}evil/job/docker-prs/3", id="another-root"),
        pytest.param(f"{JENKINS}/job/docker-prs/", id="a-job-is-no-build"),
        pytest.param(f"{JENKINS}/job/secret/3", id="a-job-that-is-not-configured"),
        pytest.param(f"{JENKINS}/job/infra%2Fbase-image/12", id="a-slash-in-disguise"),
        pytest.param("http://arm.example:8080/job/docker-prs/3", id="of-another-server"),
        pytest.param("https://github.com/other/repo/pull/7", id="another-repository"),
        pytest.param("https://github.com/moby/pull/7", id="an-alias-is-no-address"),
        pytest.param("https://github.com/moby/moby/issues/7", id="an-issue"),
        pytest.param("https://ci.example:99999999/jenkins/job/docker-prs/3", id="a-port-that-is-none"),
        pytest.param("http://[::1/job/a/3", id="a-host-that-is-none"),
        pytest.param("this is #1 for us; nothing#3; a&amp;moby#7x", id="no-name"),
        pytest.param("https://else.example/#moby#7", id="within-another-address"),
    ],
)
def test_a_text_mentions_nothing(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("api", ["https://git.example/api/v3", "https://git.example/api/v3/"])
def test_a_forge_of_ones_own_has_its_pages_beside_its_api(api: str) -> None:
    settings = GordonSettings(gordon=SETTINGS.gordon, repos=SETTINGS.repos, github=GitHubSettings(url=api))
    there = mentioned("https://git.example/moby/moby/pull/7", settings, names_of(settings))
    assert there == [Mentioned("moby/moby#7", is_pull=True)]
    assert found("https://github.com/moby/moby/pull/7", settings) == []


def test_no_text_takes_long_or_gives_much() -> None:
    text = " ".join(f"moby#{number}" for number in range(1, 20_000))
    assert len(found(text)) == MAX_MENTIONED
    assert found("x" * MAX_CHARS + " moby#7") == []
    for hard in ("a/" * MAX_CHARS, f"{JENKINS}/{'job/a/' * 9000}", f"{JENKINS}/{'view/a/' * 9000}", "h" + "." * 40_000):
        assert found(hard) == []
