"""What scoring costs: the preparation, the tower, the feed and all of it, beside clip-retrieval's way in the same run.

    python -m benchmarks.match_speed demo/corpus                             on a CPU: mini and ViT-B-32
    python -m benchmarks.match_speed demo/corpus --device cuda --workers 16  on a GPU: B/32, L/14, SigLIP2 so400m

clip-retrieval's way is Pillow, the transforms of open_clip (torchvision), and a DataLoader. The weights of the large
models are random, which costs the same as trained ones. On a CPU, time is the CPU's own, of this process and its
children; on a GPU it is the clock's, the pictures are 256 pixels high, as trainers' shards have them, and a tower is
compared with what a large bf16 matrix product reaches on the same device.
"""

from __future__ import annotations

import argparse
import io
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.costs import ROUNDS, cpu, least, per_1000, psnr
from benchmarks.prepare_speed import full, pairs, places, read
from filters import models
from filters.match import Match, Sample, preparations
from filters.models import Model, Preprocessing, loading
from filters.picture import decode
from filters.prepare import prepare
from pipelines.corpus import Corpus
from pipelines.feed import Feeders, Place
from schemas.errors import BadInput

MODELS = {"ViT-B-32": "ViT-B-32", "ViT-L-14": "ViT-L-14", "SigLIP2 so400m": "ViT-SO400M-16-SigLIP2-384"}
"""The rows that the goals name, with open_clip's names for them."""

ON_GPU = 20_000  # pictures that a GPU is timed with: some seconds of the largest model
Row = tuple[str, str, str]


def main() -> int:
    """Print one table; 2 where there is no corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder that `tuwen pair` has been through")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare pictures")
    parser.add_argument("--limit", type=int, default=160, help="pictures to read at most")
    parser.add_argument("--mini", default="mini", help="the REF of the first row")
    given = parser.parse_args()
    rows = pairs(given.corpus)
    chosen = places(rows, given.limit)
    if not chosen:
        print(f"{given.corpus}: no pairs here; run: tuwen pair {given.corpus}", file=sys.stderr)
        return 2
    texts = [row["text"] for row in rows]
    print(f"{'what':<52}{'':>18}  of the total or the peak")
    with tempfile.TemporaryDirectory() as folder:
        table = on_gpu if given.device == "cuda" else on_cpu
        for what, figure, remark in table(Corpus(str(given.corpus)), chosen, texts, given, Path(folder)):
            print(f"{what:<52}{figure:>18}  {remark}", flush=True)
    return 0


def on_cpu(corpus: Corpus, places: Sequence[Place], texts: Sequence[str], given: Any, folder: Path) -> Iterator[Row]:
    """CPU-seconds per 1000 originals of each part, for mini and ViT-B-32; the GPU's rows are named, not measured."""
    data = [read(corpus, place) for place in places]
    yield from preparation(data, 224)
    yield from _parts("mini", models.load(given.mini, "cpu", "fp32"), data, texts)
    if find_spec("open_clip"):
        yield from _vit(data, texts, given.workers, folder)
    else:
        yield "ViT-B-32", "not measured", "make install-all"
    for name in MODELS:
        for part in ("tower alone", "feed alone", "end to end", "clip-retrieval's way"):
            yield f"{name} on a GPU: {part}", "not measured", "--device cuda"


def _parts(name: str, model: Model, data: Sequence[bytes], texts: Sequence[str]) -> Iterator[Row]:
    """The tower alone, and all of it, by one model on a CPU."""
    yield from _drift(model, name, data, texts)
    yield _tower(name, model, data)
    blank = [" " * number for number in range(len(data))]  # is not read; each its own, as texts are
    for what, said in (("pictures alone", blank), ("a new text with each", texts)):
        seconds = min(cpu(lambda said=said: _all(model, data, said)) for _ in range(_rounds(model)))
        yield f"{name}: from originals, {what}", per_1000(seconds, len(data)), f"{len(data) / seconds:.0f} a second"


def _tower(name: str, model: Model, data: Sequence[bytes]) -> Row:
    squares = [square for one in data if (square := prepare(one, preparations([model])[0])) is not None]
    seconds = min(cpu(lambda: _images(model, squares)) for _ in range(_rounds(model)))
    return f"{name}: tower alone", per_1000(seconds, len(squares)), ""


def _rounds(model: Model) -> int:
    """How often a model is timed: mini takes a second, which another program on the core can double, others minutes."""
    return ROUNDS if model.demo else 1


def _vit(data: Sequence[bytes], texts: Sequence[str], workers: int, folder: Path) -> Iterator[Row]:
    """ViT-B-32 by torch, by onnxruntime and in bf16, and clip-retrieval's way with it."""
    ref, path = _random("ViT-B-32", folder), str(folder / "ViT-B-32.pt")
    yield from _parts("ViT-B-32", models.load(ref, "cpu", "fp32"), data, texts)
    loading.export(ref, folder / "onnx")
    yield _tower("ViT-B-32 as onnx", models.load(f"onnx:{folder / 'onnx'}", "cpu", "fp32"), data)
    try:
        yield _tower("ViT-B-32 in bf16", models.load(ref, "cpu", "bf16"), data)
    except BadInput:
        yield "ViT-B-32 in bf16: tower alone", "not measured", "this processor has no bf16"
    seconds = cpu(lambda: clip_retrieval("ViT-B-32", path, data, "cpu", workers))
    yield "ViT-B-32: clip-retrieval's way, pictures alone", per_1000(seconds, len(data)), ""


def on_gpu(corpus: Corpus, places: Sequence[Place], texts: Sequence[str], given: Any, folder: Path) -> Iterator[Row]:
    """Pictures a second of each part, for each of the large models, in bf16."""
    small = [_shrunk(read(corpus, place)) for place in places]
    small = [one for one in small if one]
    stored, at = _stored(small, folder)
    many = list(itertools.islice(itertools.cycle(at), ON_GPU))
    peak = _peak()
    yield "bf16 matrix product of 8192", f"{peak / 1e12:,.0f} TFLOP/s", "100%"
    for name, architecture in MODELS.items():
        model = models.load(_random(architecture, folder), "cuda", "bf16")
        square = np.stack([prepare(small[0], model.preprocessing)] * 4 * model.batch)
        model.images(square)  # captures its graph
        begun = time.perf_counter()
        for _ in range(20):
            model.images(square)
        rate = 20 * len(square) / (time.perf_counter() - begun)
        share = rate * _flops(architecture, model.preprocessing.size) / peak
        yield f"{name}: tower alone", f"{rate:,.0f} a second", f"{share:.0%}"
        with Feeders(given.workers, preparations([model])) as feeders:
            begun = time.perf_counter()
            count = sum(1 for _ in feeders.squares(stored, many))
            yield f"{name}: feed alone", f"{count / (time.perf_counter() - begun):,.0f} a second", ""
            begun, match = time.perf_counter(), Match([model])
            for number, squares in enumerate(feeders.squares(stored, many)):
                text = texts[number % len(texts)]
                match.add(Sample(f"{number:032x}", text, image_id=str(number), page_url=str(number)), squares)
            match.table()
            yield f"{name}: end to end, texts too", f"{len(many) / (time.perf_counter() - begun):,.0f} a second", ""
        path = str(folder / f"{architecture}.pt")
        data = list(itertools.islice(itertools.cycle(small), ON_GPU))
        begun = time.perf_counter()
        clip_retrieval(architecture, path, data, "cuda", given.workers)
        rate = len(data) / (time.perf_counter() - begun)
        yield f"{name}: clip-retrieval's way, pictures alone", f"{rate:,.0f} a second", ""


def preparation(data: Sequence[bytes], size: int) -> Iterator[Row]:
    """What it costs to make squares of originals, and how far they are from those of a full decode."""
    how = Preprocessing(size)
    for one in data[:8]:  # what is loaded by the first call is no cost of the thousandth
        prepare(one, how), full(one, how)
    yield "preparation: ours", per_1000(least(lambda one: prepare(one, how), data), len(data)), ""
    yield "preparation: Pillow, all of it", per_1000(least(lambda one: full(one, how), data), len(data)), ""
    both = [(prepare(one, how), full(one, how)) for one in data]
    errors = sorted(psnr(one, other) for one, other in both if one is not None and other is not None)
    yield "preparation: PSNR, least and median", f"{errors[0]:.1f}, {errors[len(errors) // 2]:.1f} dB", ""


def _drift(model: Model, name: str, data: Sequence[bytes], texts: Sequence[str]) -> Iterator[Row]:
    """By how much scores move for what the preparation leaves out."""
    how = preparations([model])[0]
    both = [(prepare(one, how), full(one, how)) for one in data[:64]]
    kept = [pair for pair in both if pair[0] is not None and pair[1] is not None]
    ours, theirs = (model.images(np.stack(column)) for column in zip(*kept, strict=True))
    read = model.texts(list(texts[:64]))
    read = read[~np.isnan(read).any(axis=1)]
    moved = np.abs(ours @ read.T - theirs @ read.T)
    spread = (theirs @ read.T).std()
    remark = f"scores are spread by {spread:.4f}"
    yield f"{name}: score moved by our preparation, mean and most", f"{moved.mean():.5f}, {moved.max():.5f}", remark


def clip_retrieval(architecture: str, path: str, data: Sequence[bytes], device: str, workers: int) -> None:
    """Pictures through open_clip's own transforms and a DataLoader, as clip-retrieval's inference does it."""
    import open_clip
    import torch

    model, _, transform = open_clip.create_model_and_transforms(
        architecture, path, device=device, precision="bf16" if device == "cuda" else "fp32"
    )

    class Pictures(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(data)

        def __getitem__(self, at: int) -> Any:
            try:
                return transform(Image.open(io.BytesIO(data[at])))
            except (OSError, SyntaxError):
                return torch.zeros(3, *_size(model))

    loader = torch.utils.data.DataLoader(
        Pictures(), 256 if device == "cuda" else 32, num_workers=workers - 1 or 0, pin_memory=device == "cuda"
    )
    with torch.inference_mode():
        for batch in loader:
            vectors = model.encode_image(batch.to(device, next(model.parameters()).dtype))
            (vectors / vectors.norm(dim=-1, keepdim=True)).cpu()


def _size(model: Any) -> tuple[int, int]:
    size = model.visual.image_size
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _random(architecture: str, folder: Path) -> str:
    """The REF of an open_clip model with random weights, saved as users have them."""
    import open_clip
    import torch

    path = folder / f"{architecture}.pt"
    torch.manual_seed(0)
    torch.save(open_clip.create_model(architecture).state_dict(), path)
    return f"open_clip:{architecture}:{path}"


def _flops(architecture: str, size: int) -> float:
    """Floating-point operations of one picture through the tower."""
    import open_clip
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = open_clip.create_model(architecture).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        model.encode_image(torch.zeros(1, 3, size, size))
    return float(counter.get_total_flops())


def _peak() -> float:
    """Floating-point operations a second of a large bf16 matrix product on the GPU."""
    import torch

    side, times = 8192, 50
    one, other = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        one @ other
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(times):
        one @ other
    torch.cuda.synchronize()
    return 2 * side**3 * times / (time.perf_counter() - begun)


def _images(model: Model, squares: Sequence[Any]) -> None:
    for at in range(0, len(squares), model.batch):
        model.images(np.stack(squares[at : at + model.batch]))


def _all(model: Model, data: Sequence[bytes], texts: Sequence[str]) -> None:
    """Everything that `tuwen measure` does for the match family, each picture with a text of its own."""
    match = Match([model])
    for number, one in enumerate(data):
        text = texts[number % len(texts)]
        match.add(Sample(f"{number:032x}", text, image_id=str(number), page_url=str(number), data=one))
    match.table()


def _shrunk(data: bytes) -> bytes:
    """A JPEG of 256 pixels' short side, as trainers' shards have it; b'' for what does not decode."""
    shown = decode(data).pixels
    if shown is None:
        return b""
    scale = 256 / min(shown.size)
    image = shown.convert("RGB").resize((round(shown.width * scale), round(shown.height * scale)), Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


def _stored(data: Sequence[bytes], folder: Path) -> tuple[Corpus, list[Place]]:
    """These pictures in one WARC-like file, and where they lie."""
    from hashlib import sha256

    corpus, places, at = Corpus(str(folder / "small")), [], 0
    path = Path(corpus.crawl("images", "0.warc"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(data))
    for one in data:
        places.append(Place(sha256(one).hexdigest(), "images/0.warc", at, len(one)))
        at += len(one)
    return corpus, places


if __name__ == "__main__":
    sys.exit(main())
