"""What people fill in to start a job, as the job declares it."""

import pytest

from bot.chat import Blank
from bot.demo.jenkins.model import BooleanParameter, ChoiceParameter, StringParameter
from bot.demo.jenkins.parameters import FileParameter, PasswordParameter, TextParameter
from bot.errors import UserError
from bot.values import JobRef
from tests.contract.jenkins_world import COMMIT, MARK, PULL, a_jenkins, add_users


async def test_people_are_asked_for_what_we_do_not_fill_in_and_they_can_type() -> None:
    """Neither for the mark and the facts of a pull request, which are ours, nor for passwords and files."""
    arch = ChoiceParameter("ARCH", ("amd64", "arm64"))
    asked = (StringParameter("NOTE", "none"), arch, BooleanParameter("PUSH"), TextParameter("NEWS"))
    async with a_jenkins() as ci:
        add_users(ci)
        ci.jenkins.add_job("job", parameters=(MARK, PULL, COMMIT, *asked, PasswordParameter("KEY"), FileParameter("F")))
        assert await ci.adapter().blanks(JobRef("ci", "job")) == [
            Blank("NOTE", "NOTE", before="NOTE="),
            Blank("ARCH", "ARCH", before="ARCH=", choices=("amd64", "arm64")),
            Blank("PUSH", "PUSH", before="PUSH=", choices=("true", "false")),
            Blank("NEWS", "NEWS", before="NEWS="),
        ]
        with pytest.raises(UserError, match="there is no job none on"):
            await ci.adapter().blanks(JobRef("ci", "none"))
