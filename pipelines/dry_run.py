"""What a job would be, told without running it: its steps, its shuffles, and where its workers would come from."""

from __future__ import annotations

from typing import Any

from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

_SHUFFLE = common_urns.primitives.GROUP_BY_KEY.urn


def summary(job: str, pipeline: beam_runner_api_pb2.Pipeline, options: PipelineOptions) -> str:
    """One line of a pipeline as Beam would send it.

    `steps` are those that move data, `shuffles` the group-by-keys among them, `image` what a worker is started from.
    """
    parts = pipeline.components
    steps = [one for one in parts.transforms.values() if not one.subtransforms and one.spec.urn]
    shuffles = sum(one.spec.urn == _SHUFFLE for one in steps)
    facts = {
        "runner": options.view_as(StandardOptions).runner,
        "steps": len(steps),
        "shuffles": shuffles,
        "workers from": ", ".join(sorted(map(_environment, parts.environments.values()))),
        "machine": options.view_as(WorkerOptions).machine_type or "the engine's default",
        "accelerator": _accelerator(options) or "none",
    }
    return f"{job}: dry run; " + "; ".join(f"{name} {value}" for name, value in facts.items())


def _environment(environment: Any) -> str:
    """What an environment starts workers from: an image, a command, or this process."""
    if environment.urn == common_urns.environments.DOCKER.urn:
        return f"image {beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image}"
    if environment.urn == common_urns.environments.PROCESS.urn:
        return f"command {beam_runner_api_pb2.ProcessPayload.FromString(environment.payload).command}"
    return "this machine"


def _accelerator(options: PipelineOptions) -> str:
    asked = options.view_as(GoogleCloudOptions).dataflow_service_options or []
    found = [one.partition("=")[2] for one in asked if one.startswith("worker_accelerator=")]
    return found[-1] if found else ""
