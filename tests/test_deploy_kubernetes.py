"""What `deploy/kubernetes.yaml` asks of a cluster: it is valid, shut in, and Gordon takes the configuration in it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import msgspec
import pytest

from bot.app import STOP_WITHIN_S
from bot.check import check
from bot.config import load

MANIFEST = Path(__file__).parents[1] / "deploy" / "kubernetes.yaml"
DOCUMENTS: list[dict[str, Any]] = [msgspec.yaml.decode(text) for text in MANIFEST.read_text().split("---\n")[1:]]
VERSIONS = ("1.29", kubernetes_validate.latest_version())
LINT = "{extends: default, rules: {line-length: {max: 120}, braces: {max-spaces-inside: 0}}}"
SECRETS = "/run/secrets/gordon"


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [document for document in DOCUMENTS if document["kind"] == kind]
    return found


POD = of_kind("StatefulSet")["spec"]["template"]["spec"]
[GORDON] = POD["containers"]


def test_the_file_is_clean_yaml() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "-d", LINT, str(MANIFEST)], capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_kubernetes_knows_each_key(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_key_that_kubernetes_does_not_know_is_noticed() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**of_kind("Service"), "spce": {}}, VERSIONS[-1], strict=True)


def test_the_pod_is_as_the_restricted_standard_of_pod_security_wants_it() -> None:
    assert of_kind("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert GORDON["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False


def test_the_pod_runs_as_the_user_that_the_image_is_made_for() -> None:
    image = (MANIFEST.parent / "Dockerfile").read_text()
    user, group = POD["securityContext"]["runAsUser"], POD["securityContext"]["runAsGroup"]
    assert f"\nUSER {user}:{group}\n" in image
    assert POD["securityContext"]["fsGroup"] == group
    assert f"\nVOLUME {mounted('state')}\n" in image


def mounted(volume: str) -> str:
    [path] = [one["mountPath"] for one in GORDON["volumeMounts"] if one["name"] == volume]
    return str(path)


def test_one_gordon_has_the_state_and_the_time_to_end() -> None:
    workload = of_kind("StatefulSet")["spec"]
    assert workload["replicas"] == 1
    assert workload["volumeClaimTemplates"][0]["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert POD["terminationGracePeriodSeconds"] > STOP_WITHIN_S


def test_each_object_finds_the_others() -> None:
    assert {document["metadata"].get("namespace") for document in DOCUMENTS[1:]} == {"gordon"}
    labels = of_kind("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert of_kind("Service")["spec"]["selector"] == labels
    assert of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    names = {volume["name"] for volume in POD["volumes"]} | {"state"}
    assert {mount["name"] for mount in GORDON["volumeMounts"]} == names
    probes = [GORDON[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert [probe["path"] for probe in probes] == ["/ping", "/ping", "/readyz"]
    assert {probe["port"] for probe in probes} == {GORDON["ports"][0]["name"]}


def test_gordon_takes_the_configuration_and_the_secrets_as_a_cluster_gives_them(tmp_path: Path) -> None:
    """A36: the mode of the secret's files is one that Gordon does not refuse."""
    [mode] = [one["secret"]["defaultMode"] for one in POD["volumes"] if "secret" in one]
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("jenkins-token", "notify", "github-token", "github-hook", "irc-account-password", "status"):
        (folder / name).write_text("11aa22bb33cc")
        (folder / name).chmod(mode)
    for name, text in of_kind("ConfigMap")["data"].items():
        (tmp_path / name).write_text(text.replace(SECRETS, str(folder)))
    config = tmp_path / "gordon.toml"
    assert mounted("secrets") == SECRETS
    assert GORDON["args"] == ["run", f"{mounted('config')}/{config.name}"]
    assert check(config, live=False)[0] == []
    settings = load(config)
    assert str(settings.gordon.state) == mounted("state")
    assert settings.web is not None
    assert settings.web.port == GORDON["ports"][0]["containerPort"]
    for secret in folder.iterdir():
        secret.chmod(mode | 0o004)
    assert len(check(config, live=False)[0]) >= 5
