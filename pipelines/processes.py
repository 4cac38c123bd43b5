"""Worker processes for Beam's local runner, which end with the run and whose death ends it.

Beam can start processes itself, but waits for ever for one that was killed, tells none of them when the parent
dies, and gives them no pipeline options. So this is an environment of our own for `FnApiRunner`: the same
protocol, with every process watched from both ends.
"""

from __future__ import annotations

import collections
import functools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    FNAPI_RUNNER_CAPABILITIES,
    BeamFnControlServicer,
    ControlConnection,
    GrpcWorkerHandler,
    WorkerHandler,
)
from apache_beam.transforms.environments import Environment, python_sdk_capabilities

from pipelines import worker
from pipelines.quiet import debugging

URN = "tuwen:env:process:v1"
LAST_WORDS = 64 << 10  # bytes of a worker's stderr that are kept: a deep traceback is a tenth of that
TEARDOWN = 30.0  # seconds that a worker with nothing left to do gets to tear its DoFns down

STDERR = 2  # the descriptor; sys.stderr may be something else under a test

_DONE = BeamFnControlServicer._DONE_MARKER


@Environment.register_urn(URN, bytes)
class ProcessEnvironment(Environment):
    """Where transforms run: in Python processes of this machine, with these pipeline options."""

    def __init__(self, setup: bytes) -> None:
        super().__init__(capabilities=python_sdk_capabilities(), artifacts=(), resource_hints=None)
        self.setup = setup

    @staticmethod
    def of(options: PipelineOptions) -> ProcessEnvironment:
        """The environment whose processes see `options` and import what this process can import."""
        chosen = {k: v for k, v in options.get_all_options(drop_default=True).items() if v is not None}
        chosen.setdefault("default_sdk_harness_log_level", "DEBUG" if debugging() else "WARNING")
        return ProcessEnvironment(json.dumps({"path": sys.path, "options": chosen}).encode())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessEnvironment) and self.setup == other.setup

    def __hash__(self) -> int:
        return hash(self.setup)

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        return URN, self.setup

    @staticmethod
    def from_runner_api_parameter(setup: bytes, *_: Any) -> ProcessEnvironment:
        return ProcessEnvironment(setup)


class Line(ControlConnection):
    """The control connection to one worker, which answers for it once the run has failed.

    Beam waits for the workers one after another, for ever and in its own order, so the fault of one has to be
    heard from all.
    """

    def __init__(self, lines: Mapping[str, Line]) -> None:
        super().__init__()
        self.fault = ""
        self.broken: Callable[[], None] = lambda: None  # what to do when the other end is gone
        self._lines = lines  # all of this run, by worker id
        self._answering = threading.Lock()

    def push(self, request: Any) -> Any:
        future = super().push(request)
        if future is not None:
            with self._answering:
                self._answer(request.instruction_id)
        return future

    def fail(self, fault: str) -> None:
        """Answer all that is open, and all that will be asked, with the first `fault` that was told."""
        with self._answering:
            self.fault = self.fault or fault
            for instruction in list(self._futures_by_id):
                self._answer(instruction)

    def tell_all(self, fault: str) -> None:
        """Fail every line of the run."""
        for line in list(self._lines.values()):
            line.fail(fault)

    def owes(self) -> bool:
        """Whether the worker has not answered all that it was asked."""
        return bool(self.fault or self._futures_by_id)

    def _answer(self, instruction: str) -> None:
        future = self._futures_by_id.pop(instruction, None) if self.fault else None
        if future is not None:
            future.set(beam_fn_api_pb2.InstructionResponse(instruction_id=instruction, error=self.fault))

    def _read(self) -> None:
        try:
            for answer in self._input or ():
                if answer.error:
                    self.tell_all(answer.error)
                future = self._futures_by_id.pop(answer.instruction_id, None)
                if future is not None:
                    future.set(answer)
        except Exception:
            self.broken()  # gRPC raises a bare RpcError when the other end is gone; the process says why


# Workers that are not closed yet, of every run in this process.
_STARTED: set[ProcessHandler] = set()


def kill_all() -> None:
    """End every worker process at once: for an interrupt, which is meant for the whole program."""
    for handler in list(_STARTED):
        handler.kill()
        handler.stop_worker()
    _STARTED.clear()


@WorkerHandler.register_environment(URN, bytes)
class ProcessHandler(GrpcWorkerHandler):
    """One worker process: started with its set-up, watched until its end, and never left behind."""

    def __init__(self, setup: bytes, state: Any, provision_info: Any, grpc_server: Any) -> None:
        # The server, one for a run, makes a connection for each worker id that it is asked for: let it make ours.
        lines = grpc_server.control_handler._connections_by_worker_id
        lines.default_factory = functools.partial(Line, lines)
        super().__init__(state, provision_info, grpc_server)
        self._line: Line = self.control_conn
        self._line.broken = self.kill
        self._setup = json.loads(setup)
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words: collections.deque[bytes] = collections.deque()
        self._closing = False
        _STARTED.add(self)

    def start_worker(self) -> None:
        debug = debugging()
        self._process = subprocess.Popen(
            [sys.executable, worker.__file__],  # by path: it is told where to import from
            stdin=subprocess.PIPE,
            stdout=STDERR if debug else subprocess.PIPE,  # never ours: that is for results
            stderr=None if debug else subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is for us alone; we end the workers
        )
        harness = {
            "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{self.control_address}"',
            "WORKER_ID": self.worker_id,
            "PIPELINE_OPTIONS": json.dumps(self._setup["options"]),
            "RUNNER_CAPABILITIES": " ".join(sorted(FNAPI_RUNNER_CAPABILITIES)),
        }
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"path": self._setup["path"], "harness": harness}).encode() + b"\n")
            self._process.stdin.flush()  # and stays open: its end tells the worker that we are gone
        except BrokenPipeError:
            pass  # it died at once; the watch says so
        listener = threading.Thread(target=self._listen, name="worker-stderr", daemon=True)
        listener.start()
        threading.Thread(target=self._watch, args=(listener,), name="worker-watch", daemon=True).start()

    def close(self) -> None:
        """End the worker: with its DoFns torn down when it has answered all, at once when the run has failed."""
        self._closing = True
        if self._line.owes():
            self.kill()
        late = threading.Timer(TEARDOWN, self.kill)
        late.daemon = True
        late.start()
        try:
            self.control_conn.close()
            self.control_conn.push(_DONE)  # for a worker that never called, whose stream nobody closes
            self.data_conn.close()
        finally:
            self.stop_worker()
            late.cancel()
            _STARTED.discard(self)

    def stop_worker(self) -> None:
        if self._process is not None:
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _listen(self) -> None:
        """Keep the end of what the worker says, so that a noisy library cannot fill our memory."""
        pipe = self._process.stdout if self._process else None
        kept = 0
        while pipe is not None and (piece := pipe.read1(8192)):  # type: ignore[attr-defined]
            self._last_words.append(piece)
            kept += len(piece)
            while kept > LAST_WORDS:
                kept -= len(self._last_words.popleft())

    def _watch(self, listener: threading.Thread) -> None:
        assert self._process is not None
        code = self._process.wait()
        if not self._closing:
            self._line.tell_all(self._epitaph(code, listener))
        if code:
            # Nobody reads what is queued for the worker, and a full queue would hold its writer for ever.
            collections.deque(self.data_conn._write_outputs(), maxlen=0)

    def _epitaph(self, code: int, listener: threading.Thread) -> str:
        """The text of a worker's end, in the shape of an error that it could have sent itself."""
        assert self._process is not None
        listener.join(1.0)  # a child of the worker may hold the pipe open; its words are not needed
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        words = b"".join(self._last_words).decode(errors="replace")
        return (
            f"{words}\nschemas.errors.WorkFailed: worker process {self._process.pid} {how}"
            " (out of memory, or ended by hand?); run the same command again, with fewer --workers"
            " if memory is short\n"
        )
