"""Start builds at set times, or see that somebody else does, and tell what was late, missed, too long or at once."""

from bot.plugin import Plugin

plugin = Plugin("scheduled_builds")
