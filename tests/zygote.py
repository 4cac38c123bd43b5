"""Runs `tuwen` commands, each in a fork of a process that has imported everything: a kill -9 then hits the work.

Reads a JSON list of arguments a line and answers with the child's pid; then, at an empty line, with its exit status.
Until then an ended child is a zombie, so that its pid cannot be another's when it is killed.
"""

from __future__ import annotations

import json
import os
import sys

from pipelines import cli, cluster, judge, measure, pack, pair, release, verify  # noqa: F401 - what the fork needs

if __name__ == "__main__":
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if not child:
            sys.argv = ["tuwen", *json.loads(line)]
            os.dup2(2, 1)
            try:
                cli.main()
            except SystemExit as end:
                os._exit(int(end.code or 0))  # at once: threads of libraries did not come along through the fork
        print(child, flush=True)
        sys.stdin.readline()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
