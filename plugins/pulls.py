"""Tell channels what happens to pull requests, a line each; what is over their budget of lines comes together."""

from bot.plugin import Plugin

plugin = Plugin("pulls")
