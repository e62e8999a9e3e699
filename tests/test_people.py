"""Who is believed to be whom, and what they may do."""

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.people import People, PersonEntry, load_people, role_in
from bot.values import Person, Role, Speaker

DEPLOY = Path(__file__).parents[1] / "deploy"
EXAMPLE = DEPLOY / "people.example.toml"
GOOD = """\
[people.tianon]
github_id = 123
irc = { demo = "Tianon", other = "tia" }
roles = { "*" = "triager", "moby/moby" = "maintainer" }

[people.jess]
roles = { "moby/moby" = "operator" }

[teams."docker/core"]
roles = { "*" = "triager", "moby/moby" = "merger" }
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "people.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def people(tmp_path: Path) -> People:
    return load_people(write(tmp_path, GOOD), repos=["moby/moby"], networks=["demo", "other"])


def test_the_example_is_right_and_shows_every_key() -> None:
    people = load_people(EXAMPLE, repos=["moby/moby"], networks=["libera", "moby"], slack=["moby"])
    assert ([person.key for person in people], list(people.teams)) == (["tianon", "jess"], ["docker/core"])
    assert list(people.groups) == ["moby/@maintainers"]
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [key for key in PersonEntry.__struct_fields__ if f"\n{key} = " not in text] == []
    assert [role.name for role in Role if f"#   {role.name.lower()} " not in text] == []


@pytest.mark.parametrize(
    ("speaker", "key"),
    [
        pytest.param(Speaker("demo", "x", "Tianon", "account-tag"), "tianon", id="account"),
        pytest.param(Speaker("demo", "x", "TIANON", "account-tag"), "tianon", id="other-case"),
        pytest.param(Speaker("other", "x", "tia", "account-tag"), "tianon", id="other-network"),
        pytest.param(Speaker("demo", "x", "tia", "account-tag"), None, id="account-of-another-network"),
        pytest.param(Speaker("demo", "tianon"), None, id="nick-only"),
        pytest.param(Speaker("demo", "x", "tianon", ""), None, id="no-evidence"),
        pytest.param(Speaker("demo", "x", "", "account-tag"), None, id="no-account"),
        pytest.param(Speaker("demo", "x", "t\u0131anon", "account-tag"), None, id="look-alike"),
        pytest.param(Speaker("demo", "x", "Tianon", "console"), None, id="console-evidence-from-a-network"),
        pytest.param(Speaker("console", "x", "tianon", "console"), "tianon", id="console"),
        pytest.param(Speaker("console", "x", "tianon", "account-tag"), None, id="console-by-other-evidence"),
        pytest.param(Speaker("schedule", "x", "tianon", "schedule"), "tianon", id="what-they-scheduled"),
        pytest.param(Speaker("demo", "x", "tianon", "schedule"), None, id="schedule-evidence-from-a-network"),
        pytest.param(Speaker("schedule", "x", "tianon", "account-tag"), None, id="schedule-by-other-evidence"),
        pytest.param(Speaker("console", "x", "nobody", "console"), None, id="console-unknown"),
        pytest.param(Speaker("elsewhere", "x", "tianon", "account-tag"), None, id="unknown-network"),
        pytest.param(Speaker("demo", "x", "*", "account-tag"), None, id="logged-out"),
        pytest.param(Speaker("demo", "x", "0", "account-tag"), None, id="not-logged-in"),
    ],
)
def test_only_a_proven_account_is_somebody(people: People, speaker: Speaker, key: str | None) -> None:
    found = people.find(speaker)
    assert (found.key if found else None) == key


@pytest.mark.parametrize(
    ("key", "repo", "role"),
    [
        pytest.param("tianon", "moby/moby", Role.MAINTAINER, id="of-the-repository"),
        pytest.param("tianon", "moby/other", Role.TRIAGER, id="everywhere"),
        pytest.param("tianon", None, Role.TRIAGER, id="without-a-repository"),
        pytest.param("jess", None, Role.ANYONE, id="nothing-everywhere"),
    ],
)
def test_the_higher_role_counts(people: People, key: str, repo: str | None, role: Role) -> None:
    person = people.by_name(key)
    assert person is not None
    assert role_in(person.roles, repo) is role


def test_a_low_role_for_one_repository_takes_nothing_away() -> None:
    assert role_in({"*": Role.OPERATOR, "moby/moby": Role.ANYONE}, "moby/moby") is Role.OPERATOR


def test_people_can_be_counted_and_gone_through(people: People) -> None:
    assert [person.key for person in people] == ["tianon", "jess"]
    assert people.by_name("tianon") == Person(
        "tianon", {"*": Role.TRIAGER, "moby/moby": Role.MAINTAINER}, github_id=123
    )


def test_a_team_has_roles_as_people_have(people: People) -> None:
    assert people.teams == {"docker/core": {"*": Role.TRIAGER, "moby/moby": Role.MERGER}}


def test_a_team_may_operate_everything(tmp_path: Path) -> None:
    text = '[teams."docker/ops"]\nroles = { "*" = "operator" }\n'
    assert load_people(write(tmp_path, text)).teams == {"docker/ops": {"*": Role.OPERATOR}}


def test_without_a_github_teams_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(ConfigError) as caught:
        load_people(path, with_github=False)
    said = '[teams."docker/core"]: GitHub knows who is in a team, and no [github] is configured'
    assert caught.value.problems == (f"{path}:9: {said}",)


def test_a_team_without_roles_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'\[teams."docker/core".roles\] is missing|roles is missing'):
        load_people(write(tmp_path, '[teams."docker/core"]\n'))


SLACK = """\
[people.tianon]
irc = { demo = "tianon" }
slack = { moby = "U024BE7LH", other = "T0ABCDEFG/W024BE7LH" }

[people.jess]
roles = { "*" = "triager" }

[groups."moby/@maintainers"]
roles = { "moby/moby" = "merger" }
"""


def load_slack(tmp_path: Path, text: str) -> People:
    networks = ["demo", "moby", "other"]
    return load_people(write(tmp_path, text), repos=["moby/moby"], networks=networks, slack=["moby", "other"])


def test_ids_of_slack_are_told_as_they_stand(tmp_path: Path) -> None:
    people = load_slack(tmp_path, SLACK)
    assert people.accounts_of("tianon") == {"demo": "tianon", "moby": "U024BE7LH", "other": "T0ABCDEFG/W024BE7LH"}
    assert people.groups == {"moby/@maintainers": {"moby/moby": Role.MERGER}}


@pytest.mark.parametrize("name", ["moby/S0MAINTNR", "moby/@core.team-2_x"])
def test_a_group_goes_by_its_handle_or_its_id(tmp_path: Path, name: str) -> None:
    assert list(load_slack(tmp_path, SLACK.replace("moby/@maintainers", name)).groups) == [name]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        pytest.param("U024BE7LH", "u024be7lh", 3, "[people.tianon.slack] moby must be the id of a user", id="small"),
        pytest.param("U024BE7LH", "@tianon", 3, 'must be the id of a user, which begins with U or W, is "@', id="name"),
        pytest.param("U024BE7LH", "B024BE7LH", 3, "must be the id of a user", id="of-a-bot"),
        pytest.param("{ moby =", "{ mobi =", 3, '(did you mean "moby"?)', id="network"),
        pytest.param(
            "{ moby =", "{ demo =", 3, "[people.tianon.slack] demo is no configured network", id="irc-network"
        ),
        pytest.param(
            "demo =", "moby =", 2, "is no IRC network; who writes on Slack is known by slack", id="irc-of-slack"
        ),
        pytest.param(
            "people.jess]", 'people.jess]\nslack.moby = "U024BE7LH"', 6, 'belongs to "tianon" already', id="twice"
        ),
        pytest.param("moby/@main", "moby/main", 8, '"moby/maintainers" is no group; write network/@', id="no-handle"),
        pytest.param("moby/@main", "@main", 8, '"@maintainers" is no group', id="no-network"),
        pytest.param("moby/@main", "moby/@Main", 8, "in small letters", id="handle-in-capitals"),
        pytest.param("moby/@main", "mobi/@main", 8, '"mobi" is no [slack.NAME]; there are "moby"', id="group-nowhere"),
        pytest.param("moby/@main", "demo/@main", 8, '"demo" is no [slack.NAME]', id="group-on-irc"),
        pytest.param('"merger"', '"mergr"', 9, 'is "mergr" (did you mean "merger"?)', id="role"),
        pytest.param('"moby/moby" =', '"moby/mobi" =', 9, "is for no configured repository", id="repository"),
    ],
)
def test_mistakes_about_slack_are_told_with_their_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in SLACK
    with pytest.raises(ConfigError) as caught:
        load_slack(tmp_path, SLACK.replace(old, new))
    assert [problem for problem in caught.value.problems if f"people.toml:{line}: " in problem and said in problem]


def test_nobody_is_fine(tmp_path: Path) -> None:
    assert list(load_people(write(tmp_path, ""))) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        pytest.param("github_id", "githubid", 2, '"githubid" in [people.tianon] (did you mean "github_id"?)', id="key"),
        pytest.param("= 123", '= "123"', 2, '[people.tianon] github_id must be a whole number, is "123"', id="id-type"),
        pytest.param("= 123", "= 0", 2, "[people.tianon] github_id must be 1 or more", id="id-zero"),
        pytest.param("= 123", "= true", 2, "[people.tianon] github_id must be a whole number, is true", id="id-bool"),
        pytest.param('"triager"', '"triagr"', 4, 'is "triagr" (did you mean "triager"?)', id="role"),
        pytest.param('"triager"', '"king"', 4, "must be one of anyone, author, triager", id="role-list"),
        pytest.param('"triager"', "3", 4, "must be text in quotes, is 3", id="role-type"),
        pytest.param('"moby/moby" = "m', '"moby/mobi" = "m', 4, '(did you mean "moby/moby"?)', id="repo"),
        pytest.param("demo =", "dmo =", 3, '(did you mean "demo"?)', id="network"),
        pytest.param("demo =", "console =", 3, "is no IRC network", id="console-as-network"),
        pytest.param('"Tianon"', '"t\u0131anon"', 3, "plain ASCII", id="account-not-ascii"),
        pytest.param('"Tianon"', '"*"', 3, "[people.tianon.irc] demo must be", id="account-star"),
        pytest.param('"Tianon"', '"0"', 3, "[people.tianon.irc] demo must be", id="account-zero"),
        pytest.param("people.jess]", 'people.jess]\nirc.demo = "TIANON"', 7, 'belongs to "tianon"', id="account-twice"),
        pytest.param("people.jess]", "people.jess]\ngithub_id = 123", 7, 'belongs to "tianon"', id="id-twice"),
        pytest.param("people.jess]", "people.Tianon]", 6, 'there is "tianon" already', id="name-twice"),
        pytest.param("people.jess]", 'people."je ss"]', 6, "cannot be a person's name", id="name"),
        pytest.param("docker/core", "docker", 9, '[teams.docker]: "docker" is no team; write owner/team', id="team"),
        pytest.param("docker/core", "docker/co re", 9, '"docker/co re" is no team', id="team-with-a-space"),
        pytest.param("docker/core", "docker/../x", 9, '"docker/../x" is no team', id="team-elsewhere"),
        pytest.param('"merger"', '"mergr"', 10, 'is "mergr" (did you mean "merger"?)', id="team-role"),
        pytest.param(
            '"moby/moby" = "merger"', '"moby/mobi" = "merger"', 10, '(did you mean "moby/moby"?)', id="team-repo"
        ),
        pytest.param(
            'roles = { "*" = "triager", "moby/moby" = "merger',
            'role = { "moby/moby" = "merger',
            10,
            '(did you mean "roles"?)',
            id="team-key",
        ),
        pytest.param("[teams", '[teams."Docker/Core"]\nroles = {}\n[teams', 11, "takes both for one", id="team-twice"),
        pytest.param("[people.jess]", "[peple.jess]", 6, 'unknown key "peple"', id="section"),
        pytest.param("people.jess]", "people.jess", 6, "not valid TOML", id="syntax"),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_people(path, repos=["moby/moby"], networks=["demo", "other"])
    assert [problem for problem in caught.value.problems if said in problem] == list(caught.value.problems)
    assert caught.value.problems[0].startswith(f"{path}:{line}: ")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("123", "-1").replace('"triager"', '"tr"').replace("[people.jess]", "[people.jess]\nx = 1")
    with pytest.raises(ConfigError) as caught:
        load_people(write(tmp_path, text))
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["2", "4", "7", "11"]


def test_a_file_that_everybody_may_change_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    path.chmod(0o646)
    with pytest.raises(ConfigError, match="everybody may change this file; run: chmod o-w"):
        load_people(path)
