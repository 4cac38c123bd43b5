"""The main program of one worker process of a local run.

Started by `pipelines.processes`. The first line of standard input is the set-up as JSON; the pipe is then held
open by the parent for as long as it lives, so its end means that the parent is gone, however it died.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from typing import Any

# The exit code of a worker that ended because its parent did.
ORPHANED = 3


def main() -> None:
    """Serve the parent's runner until it says that there is no more work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    setup = json.loads(_first_line())
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    sys.path[:] = setup["path"]

    gc.disable()  # Beam's import makes objects that stay: looking them over again and again is a third of its time
    from apache_beam.runners.worker import sdk_worker_main

    gc.freeze()
    gc.enable()
    _, harness, _ = sdk_worker_main.create_harness(setup["harness"])
    harness.run()
    sys.stdout.flush()
    sys.stderr.flush()
    # The harness has torn every DoFn down; what is left is the slow undoing of imports, and gRPC's threads.
    os._exit(0)


def _first_line() -> bytes:
    """The first line of standard input, unbuffered: a thread must be able to wait on the rest of it."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece: Any = os.read(0, 1)
        if not piece:
            os._exit(ORPHANED)
        line += piece
    return bytes(line)


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
