"""Answer lines that hold certain words by what the configuration says to them."""

from bot.plugin import Plugin

plugin = Plugin("answers")
