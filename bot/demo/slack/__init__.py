"""A Slack on loopback for tests and the demo: one server, one or more workspaces, both of Slack's transports.

    async with SlackDouble() as slack:                      # bot/demo/slack/double.py
        team = slack.team("moby")                           # its people and channels are named in moby.py
        ... start the app under test with slack.api_url, moby.BOT_TOKEN and moby.APP_TOKEN ...
        await team.link.connected()                         # Socket Mode; team.post_to(url) is HTTP mode
        said = await team.acts.mentions(TIANON, "rebuild 7", DOCKER_DEV).acknowledged()
        said.ts, said.answer, said.failure                  # `act.py`; a failure is what Slack shows them

`team.acts`: says, mentions, edits, takes_back, forwards, bot_says, workflow_says, reacts, types_link (talk.py);
slash, presses, presses_in_view, asks_options, submits, closes, message_shortcut, shortcut, opens_home (clicks.py);
joins, leaves, renames, archives, creates, changes, comes_new, regroups, revokes, tells (acts.py).
Each changes what the workspace keeps at once and gives an `Act`; the app hears of it while the loop runs.

`slack.workspace("moby")` is what is kept: channels with their messages, ephemerals, views, homes, files, and
`pings`, whom a message notified. `slack.calls` is every call of the Web API; `team.deliveries.ledger` everything that
Slack had for the app, with each time that it was sent and how long the acknowledgement took. `await slack.called(
"chat.postMessage", 2)`, `team.responses.heard(1)` and `team.deliveries.settled()` wait for what the app does.

Faults: `slack.faults` (limit, refuse, break_down, slow, drop, one_a_second) for calls; `team.deliveries` (patience,
fate, hold, release) for what is delivered by either transport; `team.link` (disconnect, cut, silence, refresh_every,
says_hello) for sockets; `team.posts` (request_of, headers, post, verify) for requests that are not as they should be.

As at Slack, an event that is not acknowledged is sent up to three times more, but a command or a click never is: who
gave it sees that it failed. A mention in a channel is told as message and as app_mention. The app hears its own lines.
"""
