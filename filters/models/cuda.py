"""A torch module on a GPU: a graph captured once for each shape, pinned memory, and two batches on their way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from filters.models.interface import Tokens, Vectors

_SLOTS = 2  # one batch is copied while the other is computed


class OnCuda:
    """Begins a batch on the GPU; the function that it gives waits for the vectors.

    Batches of one shape share a graph, whose launch costs the CPU nothing; at most two of them may be on their way.
    """

    def __init__(self, module: Any, names: tuple[str, ...]) -> None:
        self.module, self.names = module, names
        self.graphs: dict[tuple[Any, ...], _Graph] = {}
        self.told = False

    def __call__(self, arrays: Tokens) -> Callable[[], Vectors]:
        """Begin one batch."""
        shape = tuple(arrays[name].shape for name in self.names)
        with torch.inference_mode():
            if shape not in self.graphs:
                try:
                    self.graphs[shape] = _Graph(self.module, {name: arrays[name] for name in self.names})
                except torch.OutOfMemoryError:
                    self.graphs.clear()  # they hold the memory of the larger batches
                    raise
                self._tell(self.graphs[shape].refused)
            return self.graphs[shape].begin(arrays)

    def _tell(self, refused: str) -> None:
        """Say once that a module cannot be captured: it gives the same vectors, and not as fast."""
        if refused and not self.told:
            self.told = True
            print(f"tuwen: no CUDA graph of the model ({refused}): going on without, slower", file=sys.stderr)


class _Graph:
    """The module for one shape: its inputs and output lie at fixed places."""

    def __init__(self, module: Any, arrays: Tokens) -> None:
        self.module = module
        self.inputs = {name: torch.from_numpy(array).to("cuda") for name, array in arrays.items()}
        self.copies = torch.cuda.Stream()
        self.refused = ""  # why there is no graph
        self.output = self._warm_up()
        self.graph = self._captured()
        self.slots = [_Slot(self.inputs, self.output) for _ in range(_SLOTS)]
        self.turn = 0

    def _warm_up(self) -> Any:
        """Run on a stream of its own first: libraries allocate and choose their kernels, which no graph may hold."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                output = self.module(*self.inputs.values())
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        return output

    def _captured(self) -> Any:
        """The graph; None for a module that cannot be captured (it asks the GPU for a value), which is then called."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.output = self.module(*self.inputs.values())
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.refused = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            torch.cuda.synchronize()
            return None
        return graph

    def begin(self, arrays: Tokens) -> Callable[[], Vectors]:
        slot = self.slots[self.turn]
        self.turn = (self.turn + 1) % _SLOTS
        main = torch.cuda.current_stream()
        for name, pinned in slot.pinned.items():
            pinned.copy_(torch.from_numpy(arrays[name]))
        with torch.cuda.stream(self.copies):
            for name, pinned in slot.pinned.items():
                slot.staged[name].copy_(pinned, non_blocking=True)
            slot.copied.record(self.copies)
        main.wait_event(slot.copied)
        for name, staged in slot.staged.items():
            self.inputs[name].copy_(staged, non_blocking=True)
        if self.graph is None:
            self.output = self.module(*self.inputs.values())
        else:
            self.graph.replay()
        slot.result.copy_(self.output, non_blocking=True)
        slot.done.record(main)

        def wait() -> Vectors:
            slot.done.synchronize()
            return slot.result.numpy().copy()

        return wait


class _Slot:
    """Where one batch lies on its way: pinned on the host, staged on the GPU, and its vectors on the host again."""

    def __init__(self, inputs: dict[str, Any], output: Any) -> None:
        self.pinned = {name: torch.empty_like(one, device="cpu").pin_memory() for name, one in inputs.items()}
        self.staged = {name: torch.empty_like(one) for name, one in inputs.items()}
        self.result = torch.empty_like(output, device="cpu").pin_memory()
        self.copied, self.done = torch.cuda.Event(), torch.cuda.Event()
