"""What belongs to a card on Slack and is no part of its message: long quotations, and numbers as a picture."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.adapters.slack_files import MAX_QUOTE_BYTES, PAUSE_S, content_of
from bot.chat import Button, Card, Picture, Series
from bot.errors import Unavailable
from tests.slack_said_rig import PNG, Said, saying, shown_at

UPLOAD = "files.getUploadURLExternal"
FAILED = Card("unit failed", buttons=(Button("Rebuild", "rebuild 7"), Button("Mute", "mute 7")), slot="pr 7")
PICTURE = Picture("Builds", "builds an hour", (Series("all", ((0.0, 1.0), (60.0, 2.0))),))
LOG = "\n".join(f"line {number} of a long log" for number in range(100))


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    async with saying() as parts:
        yield parts


async def test_a_long_quotation_is_a_file_in_the_thread_without_secrets(said: Said) -> None:
    card = replace(FAILED, quote=LOG + "\npassword=hunter2-and-more")
    await said.output.send(said.place(), card)
    await said.output.close()
    (file,) = said.slack.workspace().files.values()
    content = (file.content or b"").decode()
    assert content.startswith("line 0 of a long log\n")
    assert "hunter2" not in content
    assert (file.name, file.title) == ("log.txt", "unit failed")
    first, second = said.messages()
    assert second["thread_ts"] == first["ts"]


async def test_a_short_quotation_needs_no_file(said: Said) -> None:
    await said.output.send(said.place(), replace(FAILED, quote="one line"))
    await said.output.close()
    assert said.slack.calls_of(UPLOAD) == []


async def test_a_picture_is_drawn_in_the_thread_that_the_card_is_in(said: Said) -> None:
    first = await said.output.send(said.place(), "first")
    await said.output.send(said.output.under(first), Card("how it went", picture=PICTURE))
    await said.output.close()
    (file,) = said.slack.workspace().files.values()
    assert (file.content, file.title, file.name) == (PNG, "Builds", "picture.png")
    assert file.alt_txt.startswith("Builds, builds an hour")
    assert said.messages()[-1]["thread_ts"] == said.messages()[0]["ts"]


async def test_a_state_with_the_same_files_shows_them_once(said: Said) -> None:
    card = replace(FAILED, quote=LOG)
    ref = await said.output.send(said.place(), card)
    await said.output.edit(ref, replace(card, title="still"))
    await said.output.close()
    assert len(said.slack.workspace().files) == 1
    await said.output.edit(ref, replace(card, quote=LOG + LOG))
    await said.output.close()
    assert len(said.slack.workspace().files) == 2


@pytest.mark.parametrize(
    ("error", "why", "tries"),
    [
        ("missing_scope", "the app lacks the scope files:write", 1),
        ("file_uploads_disabled", "file_uploads_disabled", 1),
        ("internal_error", "Slack does not take it now", 3),
    ],
)
async def test_a_file_that_is_not_taken_neither_loses_nor_doubles_its_message(
    said: Said, error: str, why: str, tries: int
) -> None:
    said.slack.faults.refuse(UPLOAD, error, times=-1, needed="files:write")
    ref = await said.output.send(said.place(), replace(FAILED, quote=LOG))
    await said.output.arrived(ref)
    await said.output.close()
    first, second = said.messages()
    assert first["text"] == "unit failed"
    assert "line 0 of a long log" in shown_at(first)
    assert second["text"] == f"the rest of the quotation could not be attached: {why}"
    assert second["thread_ts"] == first["ts"]
    assert len(said.slack.calls_of(UPLOAD)) == tries
    assert said.clock.slept.count(PAUSE_S) == tries - 1


async def test_a_file_is_tried_again_when_slack_stumbles(said: Said) -> None:
    said.slack.faults.refuse("files.completeUploadExternal", "service_unavailable", times=2)
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    await said.output.close()
    assert len(said.messages()) == 2
    assert "files" in said.messages()[1]


async def test_a_picture_that_cannot_be_drawn_is_said(said: Said) -> None:
    async def draw(picture: Picture) -> bytes:
        raise Unavailable("pictures", "drawing within 20 s")

    said.draws = draw
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    await said.output.close()
    assert said.texts()[1] == "the picture could not be drawn: pictures does not answer (drawing within 20 s)"


async def test_a_mistake_in_drawing_is_in_the_log_and_the_message_stands(
    said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    async def draw(picture: Picture) -> bytes:
        raise ZeroDivisionError

    said.draws = draw
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    await said.output.close()
    assert said.texts() == ["how it went"]
    assert [record.levelno for record in caplog.records if "attached" in record.message] == [logging.ERROR]


async def test_an_end_does_not_wait_for_a_file_for_long(said: Said) -> None:
    async def draw(picture: Picture) -> bytes:
        return (await asyncio.Event().wait() and b"") or b""

    said.draws = draw
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    async with asyncio.timeout(3):
        await said.output.close()


@pytest.mark.parametrize("line", ["x" * 79, "ä" * 79, "€"])
def test_a_file_ends_with_a_whole_line_however_much_there_is(line: str) -> None:
    content = content_of(f"{line}\n" * (2 * MAX_QUOTE_BYTES // len(line)))
    assert len(content) <= MAX_QUOTE_BYTES + 20
    *lines, last, end = content.decode().split("\n")
    assert (set(lines), last, end) == ({line}, "… and more", "")
