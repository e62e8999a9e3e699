"""Everything that can happen at a GitHub on loopback, in one class."""

from bot.demo.github.pull_changes import PullChanges
from bot.demo.github.talk_changes import TalkChanges


class Hub(PullChanges, TalkChanges):
    """All records, and all changes that are made to them."""
