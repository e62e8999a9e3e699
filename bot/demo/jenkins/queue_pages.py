"""The pages of the queue."""

from contextlib import suppress

from bot.demo.jenkins.model import QueueItem
from bot.demo.jenkins.request import CANCEL, READ, TEXT, Answer, Refused
from bot.demo.jenkins.rooms import Visit


def queue_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Show the queue or one item, or cancel one."""
    match segments:
        case ["queue", *rest]:
            visit.asking.need(READ)
        case _:
            return None
    match rest:
        case ["api", "json"]:
            return visit.shown(visit.views.queue())
        case ["item", number, *page] if number.isdecimal():
            return _item_page(visit, _item(visit, number), page)
        case ["cancelItem"]:
            return _cancel(visit)
    return None


def _item_page(visit: Visit, item: QueueItem, page: list[str]) -> Answer | None:
    match page:
        case []:
            return Answer(200, f"Queue item {item.id}".encode(), TEXT)
        case ["api", "json"]:
            return visit.shown(visit.views.item(item))
        case ["cancelQueue"]:  # the old way, which tells nobody whether it was in time [Queue.Item.doCancelQueue]
            visit.only_post()
            if CANCEL in visit.asking.permissions:
                visit.engine.cancel(item, visit.asking.name)
            return Answer(204)
    return None


def _cancel(visit: Visit) -> Answer:
    visit.only_post()
    if not visit.engine.faults.old_cancels:
        return _cancel_and_tell(visit)
    with suppress(Refused):
        _cancel_and_tell(visit)
    return Answer(302, headers={"Location": visit.incoming.headers.get("Referer", ".")})


def _cancel_and_tell(visit: Visit) -> Answer:
    item = _item(visit, visit.incoming.get("id") or "")
    if CANCEL not in visit.asking.permissions:
        raise Refused(422, "no permission to cancel")
    if not visit.engine.cancel(item, visit.asking.name):
        raise Refused(500, "Could not cancel run")
    return Answer(204)


def _item(visit: Visit, number: str) -> QueueItem:
    item = visit.engine.item(int(number)) if number.isdecimal() else None
    if item is None:
        raise Refused(404, "no such item")
    visit.need_sight(item.job)
    return item
