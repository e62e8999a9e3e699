"""Why a build was asked for, as a Jenkins stand-in shows it."""

from dataclasses import dataclass

from bot.demo.jenkins.tree import Bean, Shown, bean


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a build was asked for: by a user, by a remote host with the job's token, or by what `kind` names.

    Arguments:
        kind: the class of any other cause, with its line in `words` and its own properties in `own`.
        earlier: the causes of the build upstream.
    """

    user: str | None = None
    address: str = ""
    note: str = ""
    kind: str = ""
    words: str = ""
    own: tuple[tuple[str, str | int], ...] = ()
    earlier: tuple["Cause", ...] = ()

    @property
    def is_of_user(self) -> bool:
        """Whether it is a user who asked; the log links the name."""
        return not self.address and not self.kind

    @property
    def description(self) -> str:
        """The one line that Jenkins shows."""
        if self.kind:
            return self.words
        if self.address:
            return f"Started by remote host {self.address}" + (f" with note: {self.note}" if self.note else "")
        return f"Started by user {self.user or 'anonymous'}"

    def bean(self) -> Bean:
        """Show it; anonymous has a name and no id [Cause.UserIdCause]."""
        own: dict[str, Shown] = dict(self.own)
        kind = self.kind
        if self.address:
            kind, own = "hudson.model.Cause$RemoteCause", {"addr": self.address, "note": self.note}
        elif not kind:
            kind, own = "hudson.model.Cause$UserIdCause", {"userId": self.user, "userName": self.user or "anonymous"}
        return bean(kind, always={"shortDescription": self.description, **own})


BY_TIMER = Cause(kind="hudson.triggers.TimerTrigger$TimerTriggerCause", words="Started by timer")
BY_SCM = Cause(kind="hudson.triggers.SCMTrigger$SCMTriggerCause", words="Started by an SCM change")
BY_INDEXING = Cause(kind="jenkins.branch.BranchIndexingCause", words="Branch indexing")


def by_branch_event(told: str) -> Cause:
    """Make the cause of a webhook's event on a branch, "Push event to branch main" [BranchEventCause]."""
    return Cause(kind="jenkins.branch.BranchEventCause", words=told)


def by_upstream(project: str, number: int, *earlier: Cause) -> Cause:
    """Make the cause of a build that another build started [Cause.UpstreamCause]."""
    url = "job/" + project.replace("/", "/job/") + "/"
    return Cause(
        kind="hudson.model.Cause$UpstreamCause",
        words=f'Started by upstream project "{project}" build number {number}',
        own=(("upstreamBuild", number), ("upstreamProject", project), ("upstreamUrl", url)),
        earlier=earlier,
    )
