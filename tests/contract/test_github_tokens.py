"""Who Gordon is to GitHub: a token that is changed or taken away, or an App where it is installed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.adapters.github import GitHub
from bot.adapters.github_writes import OWN_REFUSED_S
from bot.errors import ConfigError, GordonError, Refused, Unavailable
from bot.neighbours import forge_of
from bot.secret import read_key, read_secret
from bot.settings import CoreSettings, GitHubSettings, GordonSettings
from bot.values import Status, StatusState
from tests.contract.github_rig import GORDON, GORDON_ID, REF, REPO, SHA, TOKEN, Clock, Forge, forged

PENDING = Status("janky", StatusState.PENDING)


@pytest_asyncio.fixture
async def forge() -> AsyncIterator[Forge]:
    async with forged() as forge:
        yield forge


def put(file: Path, text: str | None) -> None:
    """Write a token into its file; None takes the file away."""
    if text is None:
        file.unlink()
    else:
        file.write_text(text)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    put(file, "old-token")
    file.chmod(0o600)
    return file


@pytest_asyncio.fixture
async def adapter(forge: Forge, token_file: Path) -> GitHub:
    forge.github.set_token("old-token", GORDON, GORDON_ID)
    return forge.reading(lambda: read_secret("GitHub", token_file, ""))


async def test_that_a_token_may_not_ask_who_we_are_is_kept_for_minutes(forge: Forge) -> None:
    """Each event would cost a request otherwise, and who is refused again and again is shut out by GitHub."""
    forge.github.fail(403, path="/user$", message="Resource not accessible by integration", times=2)
    adapter = forge.adapter()
    for late_s, requests in ((0.0, 1), (60.0, 1), (OWN_REFUSED_S, 2)):
        forge.clock.ahead_s += late_s
        with pytest.raises(Refused, match="not accessible"):
            await adapter.own_number()
        assert len(forge.asked(path="/user")) == requests
    forge.clock.ahead_s += OWN_REFUSED_S
    assert await adapter.own_number() == GORDON_ID


async def test_that_one_token_may_not_ask_who_we_are_says_nothing_of_the_next(
    forge: Forge, adapter: GitHub, token_file: Path
) -> None:
    forge.github.fail(403, path="/user$", message="Resource not accessible by integration")
    with pytest.raises(Refused):
        await adapter.own_number()
    put(token_file, "next-token")
    forge.github.set_token("next-token", GORDON, GORDON_ID)
    forge.github.fail(401, path="/pulls/7")
    assert (await adapter.pull(REF)).head == SHA
    assert await adapter.own_number() == GORDON_ID


async def test_who_we_are_is_asked_again_with_the_next_token_where_one_is_not_taken_any_more(
    forge: Forge, adapter: GitHub, token_file: Path
) -> None:
    """Nobody else may ask for anything meanwhile, by which another token would be found."""
    forge.github.revoke_token("old-token")
    with pytest.raises(Refused):
        await adapter.own_number()
    forge.github.set_token("new-token", GORDON, GORDON_ID)
    put(token_file, "new-token")
    assert await adapter.own_number() == GORDON_ID


async def test_a_changed_token_is_read_and_what_it_was_refused_for_is_done(
    forge: Forge, adapter: GitHub, token_file: Path
) -> None:
    """F45."""
    await adapter.pull(REF)
    forge.github.revoke_token("old-token")
    forge.github.set_token("new-token", GORDON, GORDON_ID)
    put(token_file, "new-token")
    await adapter.set_status(REPO, SHA, PENDING)
    assert len(forge.asked("POST")) == 2
    assert len(forge.github.statuses(REPO, SHA)) == 1
    assert (await adapter.pull(REF)).head == SHA
    assert len(forge.asked()) == 4


async def test_a_token_of_another_account_finds_its_own_comments(
    forge: Forge, adapter: GitHub, token_file: Path
) -> None:
    """F45: else there would be one comment more each time."""
    await adapter.comment(REF, "dco", "Of the old account")
    assert await adapter.marked_comment(REF, "dco")
    forge.github.revoke_token("old-token")
    forge.github.set_token("new-token", "gordon-2", 100)
    put(token_file, "new-token")
    assert await adapter.marked_comment(REF, "dco") is None
    made = await adapter.comment(REF, "dco", "Of the new account")
    assert await adapter.marked_comment(REF, "dco") == made


async def test_a_token_with_more_scopes_is_asked_for_teams(forge: Forge, adapter: GitHub, token_file: Path) -> None:
    """F45."""
    forge.github.set_token("old-token", GORDON, GORDON_ID, scopes=("repo",))
    await adapter.open_pulls(REPO)
    forge.github.revoke_token("old-token")
    put(token_file, TOKEN)
    await adapter.open_pulls(REPO)
    await adapter.open_pulls(REPO)
    assert "combinedSlug" in forge.github.requests[-1].body.decode()


async def test_many_requests_at_once_change_the_token_once(forge: Forge, adapter: GitHub, token_file: Path) -> None:
    forge.github.revoke_token("old-token")
    put(token_file, TOKEN)
    pulls = await asyncio.gather(*(adapter.pull(REF) for _ in range(8)))
    assert {pull.head for pull in pulls} == {SHA}
    assert len(forge.asked()) <= 16


async def test_a_token_that_stays_bad_is_no_loop(forge: Forge, adapter: GitHub, token_file: Path) -> None:
    """F45: GitHub locks out whoever goes on, so for a minute nothing is asked, unless the file says something else."""
    forge.github.revoke_token("old-token")
    for _ in range(20):
        with pytest.raises(Refused, match="the token is not valid"):
            await adapter.pull(REF)
    assert len(forge.asked()) == 1
    put(token_file, TOKEN)
    assert (await adapter.pull(REF)).head == SHA
    assert len(forge.asked()) == 2


async def test_a_token_file_that_is_gone_leaves_the_old_token(
    forge: Forge, adapter: GitHub, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F45: whoever swaps it may be half way."""
    forge.github.revoke_token("old-token")
    put(token_file, None)
    with pytest.raises(Refused, match="the token is not valid"):
        await adapter.pull(REF)
    assert "cannot read" in caplog.text
    forge.github.set_token("old-token", GORDON, GORDON_ID)
    forge.clock.ahead_s += 61
    assert (await adapter.pull(REF)).head == SHA


def test_without_a_token_file_there_is_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        GitHub(GitHubSettings(), lambda: read_secret("GitHub", tmp_path / "none", ""), Clock())


# Apps

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()


def is_ours(token: str, key: rsa.RSAPrivateKey = KEY) -> bool:
    try:
        jwt.decode(token, key.public_key(), algorithms=["RS256"])
    except jwt.PyJWTError:
        return False
    return True


async def test_an_app_acts_where_it_is_installed(forge: Forge) -> None:
    forge.github.add_app(7, "gordon-app", is_genuine=is_ours)
    adapter = forge.reading(lambda: PEM, app_id=7)
    await asyncio.gather(*(adapter.pull(REF) for _ in range(8)))
    await adapter.set_status(REPO, SHA, PENDING)
    [status] = forge.github.statuses(REPO, SHA)
    assert status.creator == "gordon-app[bot]"
    assert len(forge.asked(path="access_tokens")) == 1


async def test_an_app_gets_another_token_when_its_own_is_revoked(forge: Forge) -> None:
    """F45: once; when that one is refused, too, it is no matter of the token."""
    forge.github.add_app(7, "gordon-app", is_genuine=is_ours)
    adapter = forge.reading(lambda: PEM, app_id=7)
    await adapter.pull(REF)
    forge.github.fail(401, message="Bad credentials", path="/pulls/")
    assert (await adapter.pull(REF)).head == SHA
    assert len(forge.asked(path="access_tokens")) == 2
    forge.github.fail(401, message="Bad credentials", path="/pulls/", times=9)
    for _ in range(9):
        with pytest.raises(Refused, match="the token is not valid"):
            await adapter.pull(REF)
    assert len(forge.asked(path="/pulls/")) == 4


async def test_an_app_finds_its_comments_by_its_bot(forge: Forge) -> None:
    forge.github.add_app(7, "gordon-app", is_genuine=is_ours)
    adapter = forge.reading(lambda: PEM, app_id=7)
    made = await adapter.comment(REF, "dco", "Please sign.")
    assert await adapter.marked_comment(REF, "dco") == made
    assert await forge.adapter().marked_comment(REF, "dco") is None


NO_TOKEN = [
    pytest.param(401, Refused, "the token is not valid", id="401"),
    pytest.param(404, Refused, "it answers 404", id="404"),
    pytest.param(500, Unavailable, "does not answer", id="500"),
]


@pytest.mark.parametrize(("status", "error", "words"), NO_TOKEN)
async def test_an_app_that_gets_no_token_is_told(
    forge: Forge, status: int, error: type[GordonError], words: str
) -> None:
    forge.github.add_app(7, "gordon-app", is_genuine=is_ours)
    forge.github.fail(status, path="access_tokens", times=9)
    with pytest.raises(error, match=words):
        await forge.reading(lambda: PEM, app_id=7).pull(REF)


async def test_an_app_with_another_key_is_not_kept_out_by_the_old_one(forge: Forge, tmp_path: Path) -> None:
    """F45: the old key is no longer known where the App gets its tokens."""
    new = rsa.generate_private_key(65537, 2048)
    forge.github.add_app(7, "gordon-app", is_genuine=lambda token: is_ours(token, new))
    kind, none = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    keys = [PEM, new.private_bytes(serialization.Encoding.PEM, kind, none).decode()]
    adapter = forge.reading(lambda: keys.pop(0), app_id=7)
    assert (await adapter.pull(REF)).head == SHA


async def test_a_limit_that_an_app_meets_when_it_gets_its_token_is_no_refusal(forge: Forge) -> None:
    """F15: nothing is lost by it, and nothing is asked until it is over."""
    forge.github.add_app(7, "gordon-app", is_genuine=is_ours)
    forge.github.limit(path="access_tokens", retry_after_s=90)
    adapter = forge.reading(lambda: PEM, app_id=7)
    for _ in range(2):
        with pytest.raises(Unavailable, match="it wants no more requests until"):
            await adapter.set_status(REPO, SHA, PENDING)
    assert len(forge.asked()) == 1
    forge.clock.ahead_s += 91
    await adapter.set_status(REPO, SHA, PENDING)


async def test_a_key_that_is_none_is_an_operators_matter(forge: Forge) -> None:
    nonsense = "-----BEGIN RSA PRIVATE KEY-----\nbm9uZQ==\n-----END RSA PRIVATE KEY-----"
    with pytest.raises(Refused, match="the private key of the App is none"):
        await forge.reading(lambda: nonsense, app_id=7).pull(REF)


async def test_the_key_of_an_app_is_read_from_its_file(forge: Forge, tmp_path: Path) -> None:
    forge.github.add_app(7, "gordon-app", is_genuine=is_ours)
    file = tmp_path / "app.pem"
    put(file, PEM)
    file.chmod(0o600)
    github = GitHubSettings(url=forge.github.base_url, app_id=7, app_installation=1, app_key_file=file)
    adapter = forge_of(GordonSettings(gordon=CoreSettings(home="x/#y"), github=github), Clock())
    assert adapter is not None
    assert (await adapter.pull(REF)).head == SHA
    await adapter.close()


@pytest.mark.parametrize("text", ["", "ghp_token", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"])
def test_what_is_no_key_is_named_at_once(tmp_path: Path, text: str) -> None:
    file = tmp_path / "app.pem"
    put(file, text)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"app\.pem: .*must be a private key in PEM"):
        read_key("the App of GitHub", file)


async def test_without_a_token_graphql_is_not_asked_and_reading_goes_on(forge: Forge) -> None:
    """GitHub answers GraphQL without a token with a 401, and a 401 has reads wait for another token."""
    nobody = forge.reading(lambda: "")
    with pytest.raises(Refused, match="listing the pull requests of moby/moby needs a token"):
        await nobody.heads(REPO)
    with pytest.raises(Refused, match="it wants a token"):
        await nobody.pull(REF)
    assert forge.asked() == ["/repos/moby/moby/pulls/7"]
