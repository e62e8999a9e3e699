"""Folders of a Jenkins stand-in, among them those that make a job for each branch and pull request of a repository."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.demo.jenkins.checkouts import Checkout
from bot.demo.jenkins.model import Job, Parameter

FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
ORGANIZATION = "jenkins.branch.OrganizationFolder"
MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"

Orphans: TypeAlias = Literal["disabled", "removed"]

# The marks that no item name may have, each as the branch's job has it [jenkins.branch.NameEncoder.encode].
_ESCAPES = str.maketrans({mark: f"%{ord(mark):02X}" for mark in "/#%?[]\\"})
_DOTS = {".": "%2E", "..": "%2E."}


def encode_name(branch: str) -> str:
    """Make the name of a branch's job, which a URL encodes once more."""
    return _DOTS.get(branch) or branch.translate(_ESCAPES)


@dataclass(slots=True)
class Folder:
    """A folder; what is inside of a disabled one is not buildable.

    Arguments:
        kind: its class; only an organization is computed, as a multibranch project is.
        has_source: a computed folder without any source cannot be scanned.
        scans: how often it was scanned.
    """

    full_name: str
    kind: str = FOLDER
    disabled: bool = False
    hidden: bool = False
    has_source: bool = True
    scans: int = 0

    @property
    def is_computed(self) -> bool:
        """Whether `build` scans it."""
        return self.kind != FOLDER


@dataclass(slots=True)
class Head:
    """A branch or pull request as its repository has it now.

    Arguments:
        name: how people call it; `PR-7-merge` when another job builds the same pull request without merging.
        sha1: the newest commit.
        base: the commit that it is merged into before it is built; None builds it as it is.
        parameters: what its Jenkinsfile declares, which Jenkins knows once it has run.
    """

    name: str
    sha1: str
    base: str | None = None
    parameters: tuple[Parameter, ...] = ()

    def checkout(self, remote: str, number: int) -> Checkout:
        """Take what is newest, or the local merge of it, which has another id each time [MergeWithGitSCMExtension]."""
        if self.base is None:
            return Checkout((remote,), self.sha1, self.name)
        merge = hashlib.sha1(f"{self.base} {self.sha1} {number}".encode(), usedforsecurity=False).hexdigest()
        return Checkout((remote,), merge, self.name, marked=self.sha1)


@dataclass(slots=True)
class MultiBranch(Folder):
    """A multibranch project.

    Arguments:
        remote: the address of the repository.
        orphans: what a scan does with the job of a branch that is gone.
        heads: what the repository has, by the names of their jobs in lower case.
    """

    kind: str = MULTIBRANCH
    remote: str = "https://git.example.org/repo.git"
    orphans: Orphans = "disabled"
    heads: dict[str, Head] = field(default_factory=dict)


@dataclass(slots=True)
class BranchJob(Job):
    """The job of a branch or pull request, which always builds what is newest at its checkout.

    Arguments:
        dead: its branch is gone.
        built: what each build was asked to check out, by number.
    """

    head: Head = field(default_factory=lambda: Head("", ""))
    remote: str = ""
    dead: bool = False
    built: dict[int, Head] = field(default_factory=dict)
