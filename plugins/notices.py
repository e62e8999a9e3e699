"""Tell lists at set times: those of the configuration, and those that people have put down."""

from bot.plugin import Plugin

plugin = Plugin("notices")
