"""Files: asked for, uploaded to an address of their own, and completed into a channel."""

from aiohttp import web

from bot.demo.slack.bodies import file_body
from bot.demo.slack.calls import ApiError, Call, Method
from bot.demo.slack.chat_methods import note, said_by_app, tell_message
from bot.demo.slack.words import linked, stored
from bot.demo.slack.workspace import Channel, File, Json, Workspace

LARGEST_FILE = 1_000_000_000


class FileMethods:
    """They need to know where the double listens.

    Arguments:
        base_url: set once the server listens.
    """

    def __init__(self) -> None:
        self.base_url = ""
        self._awaited: dict[str, File] = {}

    def methods(self) -> list[Method]:
        """List them."""
        write = ("files:write",)
        return [
            Method("files.getUploadURLExternal", self.upload_url, write, takes_json=False),
            Method("files.completeUploadExternal", complete, write),
        ]

    def routes(self) -> list[web.RouteDef]:
        """Say where uploads go."""
        return [web.post("/upload/v1/{key}", self._upload)]

    def upload_url(self, call: Call) -> Json:
        """Tell where a file of this length goes."""
        name, length = call.needed("filename"), call.number("length", 0)
        if length < 1:
            raise ApiError("invalid_arguments", ["[ERROR] missing required field: length"])
        if length > LARGEST_FILE:
            raise ApiError("file_upload_size_restricted")
        workspace = call.workspace
        file = File(workspace.next_id("F"), name, length)
        file.snippet_type, file.alt_txt = call.text("snippet_type"), call.text("alt_txt")
        workspace.files[file.id] = file
        key = workspace.next_id("CwAB")
        self._awaited[key] = file
        return {"ok": True, "upload_url": f"{self.base_url}/upload/v1/{key}", "file_id": file.id}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file = self._awaited.pop(request.match_info["key"], None)
        if file is None:
            return web.Response(status=404, text="not found")
        if request.content_type == "multipart/form-data":
            form = await request.post()
            part = next(iter(form.values()), b"")
            content = part.file.read() if isinstance(part, web.FileField) else str(part).encode()
        else:
            content = await request.read()
        if len(content) != file.length:
            return web.Response(status=400, text="length mismatch")
        file.content = content
        return web.Response(text=f"OK - {file.length}")


def complete(call: Call) -> Json:
    """Share what was uploaded: to a channel, in a thread of it, or with nobody."""
    wanted = call.value("files")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(each, dict) for each in wanted):
        raise ApiError("invalid_arguments")
    workspace = call.workspace
    files = [workspace.files.get(str(each.get("id", ""))) for each in wanted]
    ready = [file for file in files if file is not None and file.content is not None and not file.is_complete]
    if len(ready) != len(wanted):
        raise ApiError("file_not_found")
    channels = [each for each in (call.text("channel_id") or call.text("channels")).split(",") if each]
    places = [_place(workspace, each) for each in channels]
    for file, each in zip(ready, wanted, strict=True):
        file.is_complete, file.title = True, str(each.get("title") or file.name)
        file.channels += [place.id for place in places]
    for place in places:
        _share(call, place, ready)
    return {"ok": True, "files": [file_body(workspace, file) for file in ready]}


def _place(workspace: Workspace, channel: str) -> Channel:
    place = workspace.channels.get(channel)
    if place is None or workspace.app.user_id not in place.members:
        raise ApiError("channel_not_found" if place is None or place.is_private else "not_in_channel")
    if place.is_archived:
        raise ApiError("is_archived")
    return place


def _share(call: Call, place: Channel, files: list[File]) -> None:
    workspace = call.workspace
    text = stored(linked(workspace, call.text("initial_comment"), names=False, full=False))
    shared: Json = {"text": text, "files": [file_body(workspace, file) for file in files], "upload": True}
    if thread := call.text("thread_ts"):
        shared["thread_ts"] = thread
    message = workspace.put(place, said_by_app(workspace, shared))
    note(workspace, place, message, unfurls=False)
    tell_message(workspace, place, {**message, "subtype": "file_share"})
