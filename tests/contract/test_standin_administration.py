"""The stand-in's pages about itself and those that make jobs, held to Jenkins and to what its clients expect."""

import ast
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.demo.jenkins.model import BooleanParameter, ChoiceParameter, StringParameter
from bot.demo.jenkins.parameters import PasswordParameter
from tests.contract.standin_rig import READER, Rig, a_held_jenkins

XML = {"Content-Type": "text/xml; charset=utf-8"}
DEFINITIONS = (
    "<properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>{}</parameterDefinitions>"
    "</hudson.model.ParametersDefinitionProperty></properties>"
)
STRING = "<hudson.model.StringParameterDefinition><name>{}</name></hudson.model.StringParameterDefinition>"
FREESTYLE = f"<project>{DEFINITIONS.format(STRING.format('PR'))}</project>"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with a_held_jenkins() as rig:
        rig.server.add_job("moby/pr", parameters=[StringParameter("PR"), BooleanParameter("RACE")], label="linux")
        yield rig


async def create(rig: Rig, name: str, xml: str, folder: str = "", **how: Any) -> int:
    answer = await rig.ask("POST", f"{folder}/createItem?name={name}", data=xml, headers=XML, **how)
    return answer.status


async def test_python_is_json_in_the_words_of_python(rig: Rig) -> None:
    shown = await rig.see("/job/moby/job/pr/", tree="name,disabled,lastBuild[number],property[*]")
    answer = await rig.ask(
        "GET", "/job/moby/job/pr/api/python", params={"tree": "name,disabled,lastBuild[number],property[*]"}
    )
    assert answer.content_type == "text/x-python"
    assert ast.literal_eval(await answer.text()) == shown


async def test_who_am_i(rig: Rig) -> None:
    assert (await rig.see("/whoAmI/"))["name"] == "gordon"
    me = await rig.see("/me/")
    assert (me["id"], me["fullName"]) == ("gordon", "gordon")


async def test_the_controller_shows_its_mode_its_view_and_whether_it_quiets_down(rig: Rig) -> None:
    tree = "quietingDown,quietDownReason,useCrumbs,mode,numExecutors"
    assert (await rig.ask("POST", "/quietDown", params={"message": "disk"})).status == 302
    shown = await rig.see("/", tree=tree)
    assert {name: shown[name] for name in tree.split(",")} == {
        "quietingDown": True,
        "quietDownReason": "disk",
        "useCrumbs": True,
        "mode": "NORMAL",
        "numExecutors": 4,
    }
    assert [item["name"] for item in (await rig.see("/view/all/"))["jobs"]] == ["moby"]
    assert (await rig.see("/view/all/job/moby/job/pr/"))["fullName"] == "moby/pr"


async def test_plugins_are_listed_for_administrators(rig: Rig) -> None:
    assert (await rig.ask("GET", "/pluginManager/api/json", READER)).status == 403
    plugins = (await rig.see("/pluginManager/", depth="1"))["plugins"]
    assert {"git", "junit", "matrix-project"} <= {each["shortName"] for each in plugins}
    assert all(each["version"] and each["active"] for each in plugins)


@pytest.mark.parametrize("page", ["/restart", "/safeRestart"])
async def test_a_restart_takes_a_post_and_its_right(rig: Rig, page: str) -> None:
    """Asked for by GET it is only a form."""
    assert (await rig.ask("GET", f"{page}/")).status == 200
    assert (await rig.ask("POST", page, READER)).status == 403
    assert (await rig.ask("GET", "/api/json")).status == 200


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        pytest.param(FREESTYLE, "hudson.model.FreeStyleProject", id="freestyle"),
        pytest.param("<flow-definition/>", "org.jenkinsci.plugins.workflow.job.WorkflowJob", id="pipeline"),
        pytest.param("<matrix-project/>", "hudson.matrix.MatrixProject", id="matrix"),
        pytest.param(
            "<com.cloudbees.hudson.plugins.folder.Folder/>", "com.cloudbees.hudson.plugins.folder.Folder", id="folder"
        ),
    ],
)
async def test_an_item_is_made_of_its_xml(rig: Rig, xml: str, kind: str) -> None:
    assert await create(rig, "new", xml, "/job/moby") == 200
    shown = await rig.see("/job/moby/job/new/")
    assert (shown["_class"], shown["fullName"]) == (kind, "moby/new")


async def test_a_folder_that_is_made_takes_jobs(rig: Rig) -> None:
    await create(rig, "infra", "<com.cloudbees.hudson.plugins.folder.Folder/>")
    assert await create(rig, "image", FREESTYLE, "/job/infra") == 200
    assert (await rig.ask("POST", "/job/infra/job/image/buildWithParameters", params={"PR": "1"})).status == 201


async def test_all_that_a_definition_says_is_kept(rig: Rig) -> None:
    choice = (
        "<hudson.model.ChoiceParameterDefinition><name>ARCH</name><choices><a><string>amd64</string>"
        "<string>arm64</string></a></choices></hudson.model.ChoiceParameterDefinition>"
    )
    flag = (
        "<hudson.model.BooleanParameterDefinition><name>RACE</name><defaultValue>true</defaultValue>"
        "</hudson.model.BooleanParameterDefinition>"
    )
    secret = "<hudson.model.PasswordParameterDefinition><name>KEY</name></hudson.model.PasswordParameterDefinition>"
    properties = DEFINITIONS.format(STRING.format("PR") + choice + flag + secret)
    rest = (
        "<assignedNode>arm &amp;&amp; linux</assignedNode><canRoam>false</canRoam><disabled>true</disabled>"
        "<concurrentBuild>true</concurrentBuild><quietPeriod>7</quietPeriod><authToken>hush</authToken>"
    )
    await create(rig, "full", f"<project>{properties}{rest}</project>")
    job = rig.server.job("full")
    assert job.parameters == (
        StringParameter("PR"),
        ChoiceParameter("ARCH", ("amd64", "arm64")),
        BooleanParameter("RACE", default=True),
        PasswordParameter("KEY"),
    )
    assert (job.label, job.disabled, job.concurrent) == ("arm && linux", True, True)
    assert (job.quiet_period_s, job.trigger_token) == (7.0, "hush")


async def test_a_job_may_go_anywhere_if_it_can_roam(rig: Rig) -> None:
    await create(rig, "free", "<project><assignedNode>arm</assignedNode><canRoam>true</canRoam></project>")
    assert rig.server.job("free").label == ""


async def test_the_definition_of_a_job_without_one_makes_the_same_job(rig: Rig) -> None:
    xml = await (await rig.ask("GET", "/job/moby/job/pr/config.xml")).text()
    await create(rig, "twin", xml, "/job/moby")
    job, twin = rig.server.job("moby/pr"), rig.server.job("moby/twin")
    assert (twin.parameters, twin.label, twin.concurrent) == (job.parameters, "linux", job.concurrent)


async def test_a_new_definition_keeps_the_builds(rig: Rig) -> None:
    await rig.ask("POST", "/job/moby/job/pr/buildWithParameters")
    answer = await rig.ask("POST", "/job/moby/job/pr/config.xml", data=FREESTYLE, headers=XML)
    assert answer.status == 200
    assert rig.server.job("moby/pr").parameters == (StringParameter("PR"),)
    assert await (await rig.ask("GET", "/job/moby/job/pr/config.xml")).text() == FREESTYLE
    assert rig.server.ledger.triggers[0].job == "moby/pr"


@pytest.mark.parametrize(
    ("method", "path", "xml", "headers", "status"),
    [
        pytest.param("POST", "/createItem", FREESTYLE, XML, 400, id="no-name"),
        pytest.param("POST", "/job/moby/createItem?name=PR", FREESTYLE, XML, 400, id="there-already-in-any-case"),
        pytest.param("POST", "/createItem?name=x", FREESTYLE, {}, 400, id="no-xml"),
        pytest.param("POST", "/createItem?name=x", "<project>", XML, 500, id="broken-xml"),
        pytest.param("POST", "/createItem?name=x", "<unheard-of/>", XML, 500, id="unknown-kind"),
        pytest.param("POST", "/job/none/createItem?name=x", FREESTYLE, XML, 404, id="no-such-folder"),
        pytest.param("POST", "/job/moby/job/pr/createItem?name=x", FREESTYLE, XML, 404, id="in-a-job"),
        pytest.param("GET", "/createItem?name=x", "", XML, 405, id="get"),
        pytest.param("POST", "/createItem?name=x&mode=copy&from=none", "", XML, 400, id="copy-of-nothing"),
    ],
)
async def test_what_cannot_be_made_is_refused(
    rig: Rig, method: str, path: str, xml: str, headers: dict[str, str], status: int
) -> None:
    answer = await rig.ask(method, path, data=xml.encode(), headers=headers)
    assert answer.status == status
    assert ("X-Error" in answer.headers) == (status == 400)
    assert [item["name"] for item in (await rig.see("/"))["jobs"]] == ["moby"]


async def test_a_reader_changes_nothing_and_reads_no_definition(rig: Rig) -> None:
    assert await create(rig, "new", FREESTYLE, auth=READER) == 403
    for method, page in (("GET", "config.xml"), ("POST", "config.xml"), ("POST", "disable"), ("POST", "doDelete")):
        answer = await rig.ask(method, f"/job/moby/job/pr/{page}", READER)
        assert (page, answer.status) == (page, 403)
    assert not rig.server.job("moby/pr").disabled


async def test_a_copy_is_a_job_of_its_own(rig: Rig) -> None:
    answer = await rig.ask("POST", "/job/moby/createItem?name=two&mode=copy&from=pr")
    assert (answer.status, answer.headers["Location"].endswith("/job/moby/job/two/configure")) == (302, True)
    await rig.ask("POST", "/job/moby/job/two/disable")
    assert (rig.server.job("moby/two").disabled, rig.server.job("moby/pr").disabled) == (True, False)
    await rig.ask("POST", "/job/moby/job/two/enable")
    assert not rig.server.job("moby/two").disabled


@pytest.mark.parametrize("page", ["doRename", "confirmRename"])
async def test_a_renamed_job_is_elsewhere(rig: Rig, page: str) -> None:
    answer = await rig.ask("POST", f"/job/moby/job/pr/{page}?newName=pulls%20now")
    assert answer.headers["Location"].endswith("/job/moby/job/pulls%20now/")
    assert [await rig.status(f"/job/moby/job/{name}/api/json") for name in ("pr", "pulls%20now")] == [404, 200]
    taken = await rig.ask("POST", "/job/moby/createItem?name=pr&mode=copy&from=pulls%20now")
    assert taken.status == 302
    assert (await rig.ask("POST", f"/job/moby/job/pr/{page}?newName=pulls%20now")).status == 400


async def test_a_running_job_is_not_renamed(rig: Rig) -> None:
    rig.server.job("moby/pr").label = ""
    await rig.ask("POST", "/job/moby/job/pr/buildWithParameters")
    await rig.see("/queue/")
    assert (await rig.ask("POST", "/job/moby/job/pr/confirmRename?newName=x")).status == 400


async def test_a_deleted_job_takes_what_waits_along(rig: Rig) -> None:
    await rig.ask("POST", "/job/moby/job/pr/buildWithParameters")
    assert len((await rig.see("/queue/"))["items"]) == 1
    assert (await rig.ask("POST", "/job/moby/job/pr/doDelete")).status == 302
    assert (await rig.see("/queue/"))["items"] == []
    assert await rig.status("/job/moby/job/pr/api/json") == 404
