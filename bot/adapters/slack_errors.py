"""What Slack's answers mean that are not what was asked for: pure."""

import re
from enum import StrEnum, auto

UNSTATED_S, MOST_UNSTATED_S = 1.0, 60.0  # of a limit that does not say how long: doubles each time
MOST_STATED_S = 3600.0  # after an hour it is asked again, whatever was said
SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
SCOPES = re.compile(r"[a-z:._,\- ]{1,200}", re.ASCII)
CODE = re.compile(r"[a-z0-9_]{1,60}", re.ASCII)


class Verdict(StrEnum):
    """What an error says about trying again."""

    NO = auto()  # never: not this, as it is
    TOKEN = auto()  # nothing works until there is another token
    LIMITED = auto()  # later: not done
    LATER = auto()  # later: not done
    UNKNOWN = auto()  # later: nobody knows whether it was done


VERDICTS = {
    "not_authed": Verdict.TOKEN,
    "invalid_auth": Verdict.TOKEN,
    "account_inactive": Verdict.TOKEN,
    "token_revoked": Verdict.TOKEN,
    "token_expired": Verdict.TOKEN,
    "team_access_not_granted": Verdict.TOKEN,
    "ratelimited": Verdict.LIMITED,
    "rate_limited": Verdict.LIMITED,
    "service_unavailable": Verdict.LATER,
    "request_timeout": Verdict.LATER,  # the request did not arrive whole
    "team_added_to_org": Verdict.LATER,
    "org_login_required": Verdict.LATER,  # as long as the workspace is moved
    "internal_error": Verdict.UNKNOWN,
    "fatal_error": Verdict.UNKNOWN,
}

WORDS = {
    "is_archived": "it is archived",
    "channel_is_archived": "it is archived",
    "channel_not_found": "there is no such channel, or it is private and Gordon is not in it",
    "not_in_channel": "Gordon is not in it; say /invite @gordon there",
    "restricted_action": "the workspace does not let Gordon post there",
    "restricted_action_read_only_channel": "only a few may post there, and Gordon is none of them",
    "restricted_action_thread_only_channel": "only threads may be begun there by a few, and Gordon is none of them",
    "restricted_action_non_threadable_channel": "there are no threads there",
    "ekm_access_denied": "the workspace's administrators have suspended posting there",
    "message_limit_exceeded": "the workspace has used up its messages",
    "user_not_found": "there is no such person",
    "user_disabled": "their account is gone",
    "user_not_visible": "Gordon may not see them",
    "cannot_dm_bot": "it is a bot",
    "msg_too_long": "the message is too long",
    "msg_blocks_too_long": "the message is too long",
    "no_text": "the message is empty",
    "message_not_found": "the message is gone",
    "cant_update_message": "the message is not Gordon's",
    "edit_window_closed": "the message is too old to be changed",
}

OF_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_attachments"})
OF_CHANNEL = frozenset({"channel_not_found", "not_in_channel", "user_not_in_channel"})
# Where a thread began with a message that is deleted, Slack says the second of these.
OF_THREAD = frozenset(
    {
        "thread_not_found",
        "cannot_reply_to_message",
        "invalid_thread_ts",
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked",
    }
)


def code_of(error: object) -> str:
    """Give the error of an answer if it is one; what else stands there is not repeated."""
    return error if isinstance(error, str) and CODE.fullmatch(error) else "an error that is none of Slack's"


def scopes_of(needed: object) -> str:
    """Give the scopes that an answer says are missing."""
    return needed if isinstance(needed, str) and SCOPES.fullmatch(needed) else "that it needs"


def verdict_of(code: str) -> Verdict:
    """Tell what an error means; one that nobody knows is final, as it may have been so for ever."""
    return VERDICTS.get(code, Verdict.NO)


def words_of(code: str) -> str:
    """Say an error in words, with its code for whoever looks it up."""
    return f"{WORDS[code]} ({code})" if code in WORDS else code


def wait_of(retry_after: str | None, in_a_row: int) -> float:
    """Read how many seconds to wait from `Retry-After`.

    Arguments:
        in_a_row: how many such answers came before this one, without another between.
    """
    if retry_after is not None and SECONDS.fullmatch(stated := retry_after.strip(" ")):
        return min(max(UNSTATED_S, float(stated)), MOST_STATED_S)
    return min(UNSTATED_S * 2.0 ** min(in_a_row, 10), MOST_UNSTATED_S)
