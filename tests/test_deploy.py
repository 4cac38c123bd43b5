"""The manifest for Kubernetes: what it names exists, and it says what engines/flink does, which has been run."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from apache_beam.options.pipeline_options import FlinkRunnerOptions

from engines.flink import cluster, configuration
from pipelines import engine_options
from schemas.errors import BadInput

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "deploy"
FIELDS = json.loads((ROOT / "tests" / "golden" / "flinkdeployment.json").read_text())
POM = cluster.POM.read_text()
CONSTRAINTS = (ROOT / "constraints.txt").read_text()

ELSEWHERE = {
    "jobmanager.rpc.address": "the operator names the JobManager",
    "jobmanager.rpc.port": "the operator's",
    "jobmanager.bind-host": "a pod is no loopback",
    "taskmanager.bind-host": "a pod is no loopback",
    "taskmanager.host": "the operator's",
    "rest.address": "the operator's",
    "rest.bind-address": "the operator's",
    "rest.port": "the operator's: 8081",
    "taskmanager.numberOfTaskSlots": "one, where a laptop has no pods to spread over",
    "taskmanager.memory.process.size": "taskManager.resource.memory says it, larger",
    "heartbeat.interval": "two seconds are for loopback",
    "heartbeat.timeout": "ten seconds are for loopback",
    "io.tmp.dirs": "a volume",
    "blob.storage.directory": "io.tmp.dirs, by default",
    "web.upload.dir": "io.tmp.dirs, by default",
}
"""What the cluster on loopback is configured with and this one is not, and why."""
MORE = {
    "slotmanager.number-of-slots.max": "TaskManagers come by themselves here, so something has to end it",
    "env.java.opts.all": "there: on the command line",
    "env.java.opts.taskmanager": "there: on the command line",
}


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """The manifest's objects, by kind."""
    found = list(yaml.safe_load_all((DEPLOY / "flink.yaml").read_text()))
    return {one["kind"]: one for one in found}


def unknown(value: Any, known: Any, where: str) -> list[str]:
    """The places of a value that a tree of fields does not know."""
    known = FIELDS[known] if isinstance(known, str) else known
    if isinstance(value, list):
        return [fault for number, one in enumerate(value) for fault in unknown(one, known, f"{where}[{number}]")]
    if isinstance(known, list):
        return [] if value in known else [f"{where}: {value}"]
    if known is None or not isinstance(value, dict):
        return []
    faults = [f"{where}.{name}" for name in value if name not in known and "*" not in known]
    inner = ((name, known.get(name, known.get("*"))) for name in value)
    return faults + [fault for name, kind in inner for fault in unknown(value[name], kind, f"{where}.{name}")]


def pods(parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [parts["FlinkDeployment"]["spec"]["taskManager"]["podTemplate"], parts["Deployment"]["spec"]["template"]]


def containers(parts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    specs = [pod["spec"] for pod in pods(parts)]
    return {one["name"]: one for spec in specs for one in (*spec["containers"], *spec.get("initContainers", ()))}


def settings(text: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in yaml.safe_load(text).items()}


def megabytes(size: str) -> int:
    return int(size.removesuffix("m"))


def test_every_field_is_one_that_the_operator_knows(parts: dict[str, Any]) -> None:
    assert list(parts) == ["ConfigMap", "FlinkDeployment", "Deployment", "NetworkPolicy"]
    assert parts["FlinkDeployment"]["apiVersion"] == "flink.apache.org/v1beta1"
    assert unknown(parts["FlinkDeployment"], "FlinkDeployment", "flink") == []
    assert unknown(pods(parts), "POD", "pod") == []


def test_a_mistyped_field_is_found(parts: dict[str, Any]) -> None:
    spec = {**parts["FlinkDeployment"]["spec"], "flinkVersion": "1.19", "taskmanager": {}}
    spec["taskManager"] = {"podTemplate": {"spec": {"containers": [{"name": "x", "envfrom": []}]}}}
    assert unknown({"spec": spec}, "FlinkDeployment", "") == [
        ".spec.taskmanager",
        ".spec.flinkVersion: 1.19",
        ".spec.taskManager.podTemplate.spec.containers[0].envfrom",
    ]


def test_flink_is_configured_as_on_loopback(parts: dict[str, Any]) -> None:
    there = settings(configuration.CLUSTER.format(home="h", rest="1", rpc="2", slots="3"))
    here = {name: str(value) for name, value in parts["FlinkDeployment"]["spec"]["flinkConfiguration"].items()}
    same = {name: value.replace("True", "true").replace("False", "false") for name, value in there.items()}
    assert {name: same[name] for name in same.keys() - ELSEWHERE.keys()} == {
        name: here[name] for name in here.keys() - ELSEWHERE.keys() - MORE.keys()
    }
    assert ELSEWHERE.keys() <= there.keys() and not MORE.keys() & there.keys()
    assert here["env.java.opts.all"].split() == configuration.OPENED
    assert here["env.java.opts.taskmanager"] in Path(cluster.__file__).read_text()


def test_one_slot_has_a_heap_of_1500_mb(parts: dict[str, Any]) -> None:
    """As Flink divides a process: metaspace and overhead off, then managed, network and off-heap memory."""
    spec = parts["FlinkDeployment"]["spec"]
    conf = spec["flinkConfiguration"]
    process = megabytes(spec["taskManager"]["resource"]["memory"])
    flink = process - 256 - max(192, process // 10)
    network = max(megabytes(conf["taskmanager.memory.network.min"]), flink // 10)
    aside = 128 + megabytes(conf["taskmanager.memory.task.off-heap.size"])
    heap = flink - int(flink * float(conf["taskmanager.memory.managed.fraction"])) - network - aside
    assert conf["taskmanager.numberOfTaskSlots"] == "1" and heap >= 1500


def test_versions_are_those_that_are_run(parts: dict[str, Any]) -> None:
    spec, found = parts["FlinkDeployment"]["spec"], containers(parts)
    runner = re.search(r"<artifactId>beam-runners-flink-([\d.]+)</artifactId>", POM)
    beam = re.search(r"^apache-beam==(.+)$", CONSTRAINTS, re.MULTILINE)
    assert runner and beam
    flink = runner[1]
    assert re.fullmatch(rf"flink:{re.escape(flink)}\.\d+-scala_2.12-java17", spec["image"])
    assert spec["flinkVersion"] == "v" + flink.replace(".", "_")
    assert flink in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    assert found["job-server"]["image"] == f"apache/beam_flink{flink}_job_server:{beam[1]}"
    ours = msgspec.toml.decode((ROOT / "pyproject.toml").read_bytes())["project"]["version"]
    assert found["worker"]["image"] == found["driver"]["image"] == f"tuwen:{ours}"


def test_the_engine_file_says_what_the_packaged_one_does(parts: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "flink.toml"
    path.write_text(parts["ConfigMap"]["data"]["flink.toml"])
    here, there = engine_options.load(str(path)), engine_options.load("flink")
    for name in ("runner", "job_endpoint", "environment_cache_millis"):
        assert here.beam[name] == there.beam[name]
    found, flink = containers(parts), parts["FlinkDeployment"]["metadata"]["name"]
    assert here.page == f"http://{flink}-rest:8081"  # the service that the operator makes
    job_server = dict(word.lstrip("-").split("=") for word in found["job-server"]["args"])
    assert f"{job_server['job-host']}:{job_server['job-port']}" == here.beam["job_endpoint"]
    assert f"http://{job_server['flink-master']}" == here.page
    pool = dict(word.lstrip("-").split("=") for word in found["worker"]["args"])
    assert f"localhost:{pool['service_port']}" == here.beam["environment_config"]
    assert int(pool["service_port"]) == found["worker"]["startupProbe"]["tcpSocket"]["port"]


def test_workers_are_there_before_their_task_manager(parts: dict[str, Any]) -> None:
    """A container that starts first and never ends, of one TaskManager alone: two that share a pool lose workers."""
    spec = parts["FlinkDeployment"]["spec"]["taskManager"]["podTemplate"]["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["worker"]
    assert spec["initContainers"][0]["restartPolicy"] == "Always"
    assert spec["containers"][0]["name"] == "flink-main-container"


def test_nothing_is_open_that_needs_no_password(parts: dict[str, Any]) -> None:
    found, policy = containers(parts), parts["NetworkPolicy"]["spec"]
    assert not [name for name, one in found.items() if one.get("ports")]
    assert "--job-host=localhost" in found["job-server"]["args"]
    flink = parts["FlinkDeployment"]["metadata"]["name"]
    assert policy["podSelector"]["matchLabels"] == {"app": flink} and policy["policyTypes"] == ["Ingress"]
    allowed = [one["podSelector"]["matchLabels"] for one in policy["ingress"][0]["from"]]
    assert allowed == [
        {"app": flink},
        parts["Deployment"]["spec"]["template"]["metadata"]["labels"],
        {"app.kubernetes.io/name": "flink-kubernetes-operator"},
    ]


def test_mounts_have_their_volumes(parts: dict[str, Any]) -> None:
    for pod in pods(parts):
        spec = pod["spec"]
        volumes = {one["name"] for one in spec["volumes"]}
        every = (*spec["containers"], *spec.get("initContainers", ()))
        assert {mount["name"] for one in every for mount in one.get("volumeMounts", ())} == volumes
    conf = parts["FlinkDeployment"]["spec"]["flinkConfiguration"]
    assert conf["io.tmp.dirs"] == containers(parts)["flink-main-container"]["volumeMounts"][0]["mountPath"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
@pytest.mark.parametrize(("running", "asked"), [("jobserver", "up"), ("jobmanager", "mini")])
def test_a_cluster_and_mini_are_not_mixed(tmp_path: Path, running: str, asked: str) -> None:
    """Jobs would go to the job server that runs already, in silence."""
    flink = cluster.Cluster(tmp_path, cluster.Ports.of({}), tmp_path / "lib")
    flink.daemons.start(running, ["sleep", "60"], tmp_path / "log", tmp_path)
    try:
        with pytest.raises(BadInput, match="make flink-down first"):
            getattr(flink, asked)()
    finally:
        flink.down()
