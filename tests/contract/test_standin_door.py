"""Who gets into the Jenkins stand-in and with which crumb, held to Jenkins' security filters."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.demo.jenkins.request import DISCOVER, ITEM_READ, READ
from tests.contract.standin_rig import READER, TOKEN, Rig, a_held_jenkins

PASSWORD = aiohttp.encode_basic_auth("gordon", "secret")
BUILD = "/job/plain/build"
CRUMB = "Jenkins-Crumb"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with a_held_jenkins() as rig:
        rig.server.add_user("jess", password="hers")
        rig.server.add_job("plain", duration_s=1)
        yield rig


async def crumb(rig: Rig, auth: str = PASSWORD) -> str:
    """Fetch a crumb; its session's cookie stays with the client."""
    answer = await rig.ask("GET", "/crumbIssuer/api/json", auth)
    found: str = (await answer.json())["crumb"]
    return found


async def trigger(rig: Rig, auth: str, **headers: str) -> int:
    return (await rig.ask("POST", BUILD, auth, headers=headers)).status


async def log_in(rig: Rig) -> None:
    form = {"j_username": "gordon", "j_password": "secret"}
    answer = await rig.ask("POST", "/j_spring_security_check", "", data=form)
    assert not answer.headers["Location"].endswith("loginError")


async def test_a_token_needs_no_crumb_and_makes_no_session(rig: Rig) -> None:
    """(J16)"""
    answer = await rig.ask("POST", BUILD, TOKEN)
    assert answer.status == 201
    assert "Set-Cookie" not in answer.headers


async def test_a_password_needs_a_crumb_with_its_session(rig: Rig) -> None:
    """(J16)"""
    assert await trigger(rig, PASSWORD) == 403
    found = await crumb(rig)
    assert len(found) == 64
    assert await trigger(rig, PASSWORD, **{CRUMB: found}) == 201
    rig.http.cookie_jar.clear()
    assert await trigger(rig, PASSWORD, **{CRUMB: found}) == 403


async def test_a_crumb_may_also_be_a_field(rig: Rig) -> None:
    answer = await rig.ask("POST", BUILD, PASSWORD, data={CRUMB: await crumb(rig)})
    assert answer.status == 201


async def test_a_crumb_is_of_one_user(rig: Rig) -> None:
    found = await crumb(rig)
    assert await trigger(rig, aiohttp.encode_basic_auth("jess", "hers"), **{CRUMB: found}) == 403


async def test_a_crumb_does_not_outlive_a_restart(rig: Rig) -> None:
    """(J16)"""
    found = await crumb(rig)
    rig.server.begin_restart(1)
    rig.clock.pass_s(1)
    refused = await rig.ask("POST", BUILD, PASSWORD, headers={CRUMB: found})
    assert refused.status == 403
    assert "No valid crumb was included in the request" in await refused.text()
    assert await trigger(rig, PASSWORD, **{CRUMB: await crumb(rig)}) == 201


async def test_with_the_cookie_of_a_login_a_token_is_not_looked_at(rig: Rig) -> None:
    """The session speaks for the user already, so the token does not skip the crumb."""
    await log_in(rig)
    assert await trigger(rig, TOKEN) == 403
    assert await trigger(rig, TOKEN, **{CRUMB: await crumb(rig)}) == 201
    assert await trigger(rig, aiohttp.encode_basic_auth("gordon", "wrong"), **{CRUMB: await crumb(rig)}) == 201


async def test_the_token_of_somebody_else_counts_beside_the_cookie_of_a_login(rig: Rig) -> None:
    rig.server.add_user("tianon", token="33cc")
    await log_in(rig)
    assert await trigger(rig, aiohttp.encode_basic_auth("tianon", "33cc")) == 201
    assert rig.server.ledger.triggers[0].user == "tianon"


async def test_a_login_lasts_until_a_restart(rig: Rig) -> None:
    await log_in(rig)
    assert (await rig.ask("GET", "/api/json", "")).status == 200
    rig.server.begin_restart(1)
    rig.clock.pass_s(1)
    assert (await rig.ask("GET", "/api/json", "")).status == 403


async def test_a_wrong_login_redirects_and_makes_no_session(rig: Rig) -> None:
    form = {"j_username": "gordon", "j_password": "wrong"}
    answer = await rig.ask("POST", "/j_spring_security_check", "", data=form)
    assert (answer.status, "Set-Cookie" in answer.headers) == (302, False)
    assert answer.headers["Location"].endswith("/loginError")


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param(aiohttp.encode_basic_auth("gordon", "wrong"), id="wrong-secret"),
        pytest.param(aiohttp.encode_basic_auth("nobody", "11aa"), id="unknown-user"),
        pytest.param(aiohttp.encode_basic_auth("jess", ""), id="empty-secret"),
        pytest.param("Basic %%%", id="no-base64"),
    ],
)
async def test_a_wrong_secret_is_401_with_a_challenge(rig: Rig, auth: str) -> None:
    """(J15)"""
    answer = await rig.ask("GET", "/api/json", auth)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Jenkins"'


async def test_no_secret_is_403_with_a_way_to_the_login(rig: Rig) -> None:
    """(J15)"""
    answer = await rig.ask("GET", "/job/plain/api/json", "")
    assert (answer.status, answer.headers["X-You-Are-Authenticated-As"]) == (403, "anonymous")
    assert "X-Jenkins-Session" in answer.headers
    assert "/login?from=%2Fjob%2Fplain%2Fapi%2Fjson" in await answer.text()


async def test_a_missing_right_is_403_and_named(rig: Rig) -> None:
    """(J15)"""
    answer = await rig.ask("POST", BUILD, READER)
    assert answer.status == 403
    assert answer.headers["X-You-Are-Authenticated-As"] == "reader"
    assert answer.headers["X-Required-Permission"] == "hudson.model.Item.Build"
    assert answer.headers["X-Permission-Implied-By"] == "hudson.model.Hudson.Administer"


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        pytest.param({READ}, 404, id="neither-read-nor-discover"),
        pytest.param({READ, DISCOVER}, 403, id="discover"),
        pytest.param({READ, ITEM_READ}, 200, id="read"),
        pytest.param({DISCOVER, ITEM_READ}, 403, id="not-even-overall-read"),
    ],
)
async def test_a_hidden_job_is_404_or_403_by_what_may_be_known(rig: Rig, permissions: set[str], status: int) -> None:
    """(J15)"""
    rig.server.add_job("secret").hidden = True
    rig.server.add_user("vieux", token="44dd", permissions=permissions)
    auth = aiohttp.encode_basic_auth("vieux", "44dd")
    assert (await rig.ask("GET", "/job/secret/api/json", auth)).status == status


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_the_scheme_is_taken_in_any_case(rig: Rig, scheme: str) -> None:
    auth = f"{scheme} {TOKEN.partition(' ')[2]}"
    assert (await rig.ask("POST", BUILD, auth)).status == 201


async def test_without_csrf_protection_there_is_no_crumb_and_none_is_needed() -> None:
    async with a_held_jenkins(csrf=False) as rig:
        rig.server.add_job("plain")
        assert (await rig.ask("GET", "/crumbIssuer/api/json")).status == 404
        assert await trigger(rig, PASSWORD) == 201
