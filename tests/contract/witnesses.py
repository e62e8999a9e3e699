"""Jenkins clients that nobody here wrote, each with the same few words, so that one table of tests holds them all."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import api4jenkins
import jenkins
import ujenkins
from jenkinsapi.custom_exceptions import NotBuiltYet
from jenkinsapi.jenkins import Jenkins as JenkinsApi
from jenkinsapi.queue import QueueItem as JenkinsApiItem

from tests.contract.witness import SeenNode, Witness, number_of, seen
from tests.rigs.npm import ClientError, NodeClient, node_client

USER = "gordon"
TIMEOUT_S = 10


class PythonJenkins(Witness):
    """PyPI's python-jenkins."""

    def __init__(self, url: str, secret: str) -> None:
        self.client = jenkins.Jenkins(url, USER, secret, timeout=TIMEOUT_S)

    def start(self, job: str, parameters: Mapping[str, str]) -> int:
        return self.client.build_job(job, dict(parameters))

    def became(self, job: str, queue_id: int) -> int | None:
        executable = self.client.get_queue_item(queue_id).get("executable")
        return number_of(executable)

    def waiting(self) -> Sequence[int]:
        items: Any = self.client.get_queue_info()  # its types say one item
        return [item["id"] for item in items]

    def cancel(self, queue_id: int) -> None:
        self.client.cancel_queue(queue_id)

    def result(self, job: str, number: int) -> str | None:
        build = self.client.get_build_info(job, number)
        return None if build["building"] else build["result"]

    def console(self, job: str, number: int) -> str:
        return self.client.get_build_console_output(job, number)

    def stop(self, job: str, number: int) -> None:
        self.client.stop_build(job, number)

    def node(self, name: str) -> SeenNode:
        return seen(self.client.get_node_info(name))

    def node_names(self) -> Sequence[str]:
        return [node["name"] for node in self.client.get_nodes()]

    def disable(self, name: str, reason: str) -> None:
        self.client.disable_node(name, reason)

    def enable(self, name: str) -> None:
        self.client.enable_node(name)

    def create(self, job: str, xml: str) -> None:
        self.client.create_job(job, xml)

    def config(self, job: str) -> str:
        return self.client.get_job_config(job)

    def delete(self, job: str) -> None:
        self.client.delete_job(job)

    def has_job(self, job: str) -> bool:
        return bool(self.client.job_exists(job))


class Api4Jenkins(Witness):
    """PyPI's api4jenkins."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def start(self, job: str, parameters: Mapping[str, str]) -> int:
        item = self.client.build_job(job, **parameters)
        number: int = item.id
        return number

    def became(self, job: str, queue_id: int) -> int | None:
        item = api4jenkins.queue.QueueItem(self.client, f"{self.client.url}queue/item/{queue_id}/")
        found = item.api_json(tree="executable[number]").get("executable")
        return number_of(found)

    def waiting(self) -> Sequence[int]:
        return [item.id for item in self.client.queue]

    def cancel(self, queue_id: int) -> None:
        self.client.queue.cancel(queue_id)

    def result(self, job: str, number: int) -> str | None:
        build = self.client.get_job(job).get(number)
        return None if build.building else build.result

    def console(self, job: str, number: int) -> str:
        return "\n".join(self.client.get_job(job).get(number).console_text()) + "\n"

    def stop(self, job: str, number: int) -> None:
        self.client.get_job(job).get(number).stop()

    def node(self, name: str) -> SeenNode:
        return seen(self.client.nodes.get(name).api_json())

    def node_names(self) -> Sequence[str]:
        return [node.display_name for node in self.client.nodes.iter()]

    def disable(self, name: str, reason: str) -> None:
        self.client.nodes.get(name).disable(reason)

    def enable(self, name: str) -> None:
        self.client.nodes.get(name).enable()

    def create(self, job: str, xml: str) -> None:
        self.client.create_job(job, xml)

    def config(self, job: str) -> str:
        xml: str = self.client.get_job(job).configure()
        return xml

    def delete(self, job: str) -> None:
        self.client.delete_job(job)

    def has_job(self, job: str) -> bool:
        return self.client.get_job(job) is not None


class UJenkins(Witness):
    """PyPI's ujenkins."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def start(self, job: str, parameters: Mapping[str, str]) -> int:
        number: int = self.client.builds.start(job, dict(parameters))
        return number

    def became(self, job: str, queue_id: int) -> int | None:
        executable = self.client.queue.get_info(queue_id).get("executable")
        return number_of(executable)

    def waiting(self) -> Sequence[int]:
        return list(self.client.queue.get())

    def cancel(self, queue_id: int) -> None:
        self.client.queue.cancel(queue_id)

    def result(self, job: str, number: int) -> str | None:
        build = self.client.builds.get_info(job, number)
        return None if build["building"] else build["result"]

    def console(self, job: str, number: int) -> str:
        text: str = self.client.builds.get_output(job, number)
        return text

    def stop(self, job: str, number: int) -> None:
        self.client.builds.stop(job, number)

    def node(self, name: str) -> SeenNode:
        return seen(self.client.nodes.get_info(name))

    def node_names(self) -> Sequence[str]:
        return list(self.client.nodes.get())

    def disable(self, name: str, reason: str) -> None:
        self.client.nodes.disable(name, reason)

    def enable(self, name: str) -> None:
        self.client.nodes.enable(name)

    def create(self, job: str, xml: str) -> None:
        self.client.jobs.create(job, xml)

    def config(self, job: str) -> str:
        xml: str = self.client.jobs.get_config(job)
        return xml

    def delete(self, job: str) -> None:
        self.client.jobs.delete(job)

    def has_job(self, job: str) -> bool:
        there: bool = self.client.jobs.is_exists(job)
        return there


class JenkinsApiClient(Witness):
    """PyPI's jenkinsapi, which asks for Python instead of JSON."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url.rstrip("/")
        self.client = JenkinsApi(self.url, USER, secret, timeout=TIMEOUT_S)

    def start(self, job: str, parameters: Mapping[str, str]) -> int:
        item = self.client.get_job(job).invoke(build_params=dict(parameters))
        number: int = item.queue_id
        return number

    def became(self, job: str, queue_id: int) -> int | None:
        with suppress(NotBuiltYet):
            number: int = JenkinsApiItem(f"{self.url}/queue/item/{queue_id}", self.client).get_build_number()
            return number
        return None

    def waiting(self) -> Sequence[int]:
        return list(self.client.get_queue().keys())

    def cancel(self, queue_id: int) -> None:
        self.client.get_queue().delete_item_by_id(queue_id)

    def result(self, job: str, number: int) -> str | None:
        build = self.client.get_job(job).get_build(number)
        status: str | None = None if build.is_running() else build.get_status()
        return status

    def console(self, job: str, number: int) -> str:
        text: str = self.client.get_job(job).get_build(number).get_console()
        return text

    def stop(self, job: str, number: int) -> None:
        self.client.get_job(job).get_build(number).stop()

    def node(self, name: str) -> SeenNode:
        return seen(self.client.get_node(name).poll())

    def node_names(self) -> Sequence[str]:
        return list(self.client.get_nodes().keys())

    def disable(self, name: str, reason: str) -> None:
        self.client.get_node(name).set_offline(reason)

    def enable(self, name: str) -> None:
        self.client.get_node(name).set_online()

    def create(self, job: str, xml: str) -> None:
        self.client.create_job(job, xml)

    def config(self, job: str) -> str:
        xml: str = self.client.get_job(job).get_config()
        return xml

    def delete(self, job: str) -> None:
        self.client.delete_job(job)

    def has_job(self, job: str) -> bool:
        self.client.jobs_container = None  # it remembers jobs for ever
        there: bool = self.client.has_job(job)
        return there


class NpmJenkins(Witness):
    """npm's jenkins."""

    def __init__(self, client: NodeClient) -> None:
        self.client = client

    def start(self, job: str, parameters: Mapping[str, str]) -> int:
        number: int = self.client.call("job.build", {"name": job, "parameters": dict(parameters)})
        return number

    def became(self, job: str, queue_id: int) -> int | None:
        executable = self.client.call("queue.item", queue_id).get("executable")
        return number_of(executable)

    def waiting(self) -> Sequence[int]:
        return [item["id"] for item in self.client.call("queue.list")]

    def cancel(self, queue_id: int) -> None:
        # It waits for a redirect, as of releases before 2.344; the 204 of newer ones it takes for a failure.
        with suppress(ClientError):
            self.client.call("queue.cancel", queue_id)

    def result(self, job: str, number: int) -> str | None:
        build = self.client.call("build.get", job, number)
        return None if build["building"] else build["result"]

    def console(self, job: str, number: int) -> str:
        text: str = self.client.call("build.log", job, number)
        return text.replace("\r\n", "\n")  # the only client here that reads the progressive log

    def stop(self, job: str, number: int) -> None:
        self.client.call("build.stop", job, number)

    def node(self, name: str) -> SeenNode:
        return seen(self.client.call("node.get", name))

    def node_names(self) -> Sequence[str]:
        return [node["displayName"] for node in self.client.call("node.list")]

    def disable(self, name: str, reason: str) -> None:
        self.client.call("node.disable", name, reason)

    def enable(self, name: str) -> None:
        self.client.call("node.enable", name)

    def create(self, job: str, xml: str) -> None:
        self.client.call("job.create", job, xml)

    def config(self, job: str) -> str:
        xml: str = self.client.call("job.config", job)
        return xml

    def delete(self, job: str) -> None:
        self.client.call("job.destroy", job)

    def has_job(self, job: str) -> bool:
        there: bool = self.client.call("job.exists", job)
        return there


@contextmanager
def python_jenkins(url: str, secret: str) -> Iterator[Witness]:
    yield PythonJenkins(url, secret)


@contextmanager
def api4jenkins_client(url: str, secret: str) -> Iterator[Witness]:
    client = api4jenkins.Jenkins(url, auth=(USER, secret), timeout=TIMEOUT_S)
    with client.http_client:
        yield Api4Jenkins(client)


@contextmanager
def ujenkins_client(url: str, secret: str) -> Iterator[Witness]:
    client = ujenkins.JenkinsClient(url, USER, secret, timeout=TIMEOUT_S)
    try:
        yield UJenkins(client)
    finally:
        client.close()


@contextmanager
def jenkinsapi_client(url: str, secret: str) -> Iterator[Witness]:
    witness = JenkinsApiClient(url, secret)
    with witness.client.requester.session:
        yield witness


def npm_jenkins(command: Sequence[str], url: str, secret: str) -> Any:
    """Run npm's client, given the command that runs the program around it."""

    @contextmanager
    def running() -> Iterator[Witness]:
        scheme, _, rest = url.rstrip("/").partition("://")
        with node_client(command, f"{scheme}://{USER}:{quote(secret)}@{rest}") as client:
            yield NpmJenkins(client)

    return running()
