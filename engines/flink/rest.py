"""What Flink's own page tells and takes, over HTTP: how many TaskManagers there are, which jobs run, and to end one."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

_SECONDS = 5.0  # to answer in


def task_managers(page: str) -> int:
    """How many TaskManagers the JobManager at `page` knows; 0 while it does not answer."""
    try:
        return int(_asked(f"{page}/overview")["taskmanagers"])
    except (OSError, ValueError, KeyError):
        return 0


def jobs(page: str) -> dict[str, str]:
    """The state of each job by its id. Raises OSError where nobody answers."""
    return {job["jid"]: job["state"] for job in _asked(f"{page}/jobs/overview")["jobs"]}


def names(page: str) -> dict[str, str]:
    """The name of each job by its id. Raises OSError where nobody answers."""
    return {job["jid"]: job["name"] for job in _asked(f"{page}/jobs/overview")["jobs"]}


def shuffled(page: str, job: str) -> int:
    """The bytes that the tasks of a finished job took from others over a shuffle, as Flink counted them.

    What goes on from one task to the next on the same machine (Forward) is left out; where a task takes from both, all
    that it took counts. Raises OSError where nobody answers.
    """
    told = _asked(f"{page}/jobs/{job}")
    from_others = {
        node["id"]
        for node in told["plan"]["nodes"]
        if any(one["ship_strategy"] != "Forward" for one in node.get("inputs", ()))
    }
    return sum(one["metrics"]["read-bytes"] for one in told["vertices"] if one["id"] in from_others)


def cancel(page: str, name: str) -> bool:
    """End the jobs of this name that run; whether there was one. Raises OSError where nobody answers.

    Beam's job server lets go of a job when it is told to cancel it, and Flink 1.19 goes on.
    """
    found = [job["jid"] for job in _asked(f"{page}/jobs/overview")["jobs"] if job["name"] == name]
    for job in found:
        request = urllib.request.Request(f"{page}/jobs/{job}?mode=cancel", method="PATCH")
        with urllib.request.urlopen(request, timeout=_SECONDS):
            pass
    return bool(found)


def _asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
        return json.load(answer)
