"""`tuwen-worker`, which an engine starts as a worker: Beam's Python worker, told by the engine who it is.

Beam's own containers have a program in Go for this. Nothing is fetched here that a job staged: a worker has the same
installation as whoever sends the job.
"""

from __future__ import annotations

import argparse
import os
import tempfile

_PATIENCE = 60  # seconds for the engine to answer: it is on the same machine


def main() -> None:
    """Ask the engine for this worker's settings, and work until it hangs up."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2 as api
    from apache_beam.portability.api import beam_provision_api_pb2_grpc as service
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import json_format, text_format

    parser = argparse.ArgumentParser(prog="tuwen-worker", description=__doc__, allow_abbrev=False)
    names = ("id", "provision_endpoint", "control_endpoint", "logging_endpoint", "artifact_endpoint")
    for name in names:
        parser.add_argument(f"--{name}", default="", required=name in ("id", "provision_endpoint"))
    given, _ = parser.parse_known_args()  # a newer engine may say more
    with grpc.insecure_channel(given.provision_endpoint) as channel:
        asked = api.GetProvisionInfoRequest()
        stub = service.ProvisionServiceStub(channel)
        info = stub.GetProvisionInfo(asked, metadata=[("worker_id", given.id)], timeout=_PATIENCE).info

    def descriptor(url: str) -> str:
        return str(text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url)))

    os.environ |= {
        "WORKER_ID": given.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(given.control_endpoint or info.control_endpoint.url),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(given.logging_endpoint or info.logging_endpoint.url),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        "SEMI_PERSISTENT_DIRECTORY": tempfile.gettempdir(),
    }
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main([])


if __name__ == "__main__":
    main()
