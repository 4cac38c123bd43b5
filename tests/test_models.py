"""Models by REF, without torch: references, onnx: folders, their descriptions and digests, batches of one size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from graphs import CHARACTERS, COLOURS, FLOAT, TABLE, TOML, image_graph, text_graph, write_folder
from hypothesis import given
from hypothesis import strategies as st

from filters.models import NotFinite, Preprocessing, demo, description, digests, load, name_of
from filters.models.batches import Batches, OutOfMemory
from filters.models.description import Description, Text
from filters.models.interface import Tokens, Vectors
from filters.models.reference import parse
from schemas.errors import BadInput, WorkFailed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "tiny")


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (count, 4, 4, 3), dtype=np.uint8)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def image_vectors(pixels: np.ndarray) -> np.ndarray:
    mean = pixels.astype(np.float64).mean((1, 2))
    return unit((mean / mean[:, :1]) @ COLOURS)


def text_vectors(texts: list[str]) -> np.ndarray:
    numbers = [[CHARACTERS.find(one) + 4 if one in CHARACTERS else 3 for one in text][:6] for text in texts]
    padded = [([1, *row, 2] + [0] * 8)[:8] for row in numbers]
    return unit(TABLE[padded].astype(np.float64).mean(1))


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("open_clip:ViT-B-32:laion2b_s34b_b79k", "vit_b_32_laion2b_s34b_b79k"),
        ("open_clip:ViT-B-32:/data/runs/epoch_latest.pt", "vit_b_32_epoch_latest"),
        ("open_clip:ViT-B-32:best.SAFETENSORS", "vit_b_32_best"),
        ("open_clip:xlm-roberta-base-ViT-B-32:laion5b_s13b_b90k", "xlm_roberta_base_vit_b_32_laion5b_s13b_b90k"),
        ("open_clip:local-dir:/data/My Model/", "my_model"),
        ("open_clip:hf-hub:timm/ViT-B-16-SigLIP2", "vit_b_16_siglip2"),
        ("hf:OFA-Sys/chinese-clip-vit-base-patch16", "chinese_clip_vit_base_patch16"),
        ("hf:./models/siglip2.v1/", "siglip2_v1"),
    ],
)
def test_a_model_is_named_by_its_reference(ref: str, name: str) -> None:
    assert name_of(ref) == name
    assert demo(ref) is False


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("", "a model is mini, open_clip:ARCH:TAG-or-FILE, hf:ID-or-FOLDER or onnx:FOLDER"),
        ("clip:ViT-B-32", "no such kind of model"),
        ("Mini", "no such kind of model"),
        ("mini:x", "no such kind of model"),
        ("hf:", "write hf:ID-or-FOLDER"),
        ("onnx: ", "write onnx:FOLDER"),
        ("open_clip:ViT-B-32", "needs an architecture and weights"),
        ("open_clip::openai", "needs an architecture and weights"),
        ("hf:图/文", "rename the folder or file"),
    ],
)
def test_a_wrong_reference_is_told_with_the_choices(ref: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        name_of(ref)
    assert "\n" not in str(caught.value)


def test_files_and_tags_are_told_apart_by_their_looks() -> None:
    assert parse("open_clip:ViT-B-32:./tag").weights_are_a_file
    assert parse("open_clip:ViT-B-32:x.pt").weights_are_a_file
    assert not parse("open_clip:ViT-B-32:laion400m_e32").weights_are_a_file


def test_a_home_folder_is_found_behind_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_folder(tmp_path / "tiny")
    assert name_of("onnx:~/tiny") == "tiny"
    assert parse("open_clip:ViT-B-32:~/w.pt").weights == str(tmp_path / "w.pt")


@pytest.mark.parametrize("ref", ["open_clip:ViT-B-32:openai", "hf:a/b"])
def test_without_torch_the_way_out_is_said(ref: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filters.models.loading.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"torch and \w+ not installed; pip install 'tuwen\[clip\]'"):
        load(ref)


@pytest.mark.parametrize(("device", "precision"), [("gpu", "fp32"), ("cpu", "fp16")])
def test_only_known_devices_and_precisions(folder: Path, device: str, precision: str) -> None:
    with pytest.raises(BadInput, match="choose"):
        load(f"onnx:{folder}", device, precision)


def test_an_onnx_folder_gives_what_its_graphs_compute(folder: Path) -> None:
    model = load(f"onnx:{folder}", precision="bf16")
    assert (model.name, model.width, model.demo, model.warning, model.precision) == ("tiny", 6, False, "", "fp32")
    assert model.preprocessing.size == 4 and model.preprocessing.mean == (0.5, 0.5, 0.5)
    pixels = pictures(3 * model.batch + 5)
    assert np.abs(model.images(pixels) - image_vectors(pixels)).max() < 1e-6
    texts = ["红烧肉", "", "小狗在草地上跑，有花", "abc", "的" * 10_000, "\ud800狗", "😀"]
    wanted = text_vectors([text.replace("\ud800", "?") for text in texts])
    assert np.abs(model.texts(texts) - wanted).max() < 1e-6
    assert model.images(pictures(0)).shape == model.texts([]).shape == (0, 6)


def test_a_vector_is_the_same_in_any_company(folder: Path) -> None:
    model = load(f"onnx:{folder}")
    pixels, texts = pictures(70), [f"红烧肉{number}只狗" for number in range(70)]
    whole = model.images(pixels), model.texts(texts)
    for start, end in ((0, 1), (31, 33), (69, 70), (5, 70)):
        assert np.abs(model.images(pixels[start:end]) - whole[0][start:end]).max() < 1e-6
        assert np.abs(model.texts(texts[start:end]) - whole[1][start:end]).max() < 1e-6


def test_what_is_no_square_of_bytes_is_refused(folder: Path) -> None:
    model = load(f"onnx:{folder}")
    for wrong in (pictures(1).astype(np.float32), pictures(1)[0], np.zeros((1, 5, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"takes uint8 \[n, 4, 4, 3\]"):
            model.images(wrong)


def test_a_vector_that_is_not_finite_names_its_rows(folder: Path) -> None:
    model = load(f"onnx:{folder}")
    pixels = pictures(40)
    pixels[[3, 35]] = 0  # this graph divides by red
    with pytest.raises(NotFinite, match="no finite vector for 2 of the pictures: 3, 35") as caught:
        model.images(pixels)
    assert (caught.value.rows, caught.value.what, caught.value.model) == ((3, 35), "pictures", "tiny")


def test_texts_without_han_are_not_read_where_the_model_needs_han(tmp_path: Path) -> None:
    toml = TOML.replace("context = 8", 'context = 8\nneeds_han = true\ntemplate = "一只{}"')
    model = load(f"onnx:{write_folder(tmp_path / 'tiny', toml)}")
    vectors = model.texts(["abc", "狗", "", "a花"])
    assert np.isnan(vectors[[0, 2]]).all()
    assert np.abs(vectors[[1, 3]] - text_vectors(["一只狗", "一只a花"])).max() < 1e-6
    assert np.isnan(model.texts(["abc"])).all()


def test_short_texts_are_padded_to_a_shorter_length(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "tiny", TOML.replace("context = 8", "context = 8\nlengths = [4, 8]"))
    (folder / "text.onnx").write_bytes(text_graph("tokens"))
    model = load(f"onnx:{folder}")
    texts = ["小狗在草地", "狗", "", "肉肉", "肉肉肉"]
    padded = [([1, *(CHARACTERS.find(one) + 4 for one in text), 2] + [0] * 8) for text in texts]
    wanted = [
        TABLE[row[: 4 if len(text) <= 2 else 8]].astype(np.float64).mean(0)
        for row, text in zip(padded, texts, strict=True)
    ]
    assert np.abs(model.texts(texts) - unit(np.array(wanted))).max() < 1e-6


def test_a_demo_model_says_so_without_being_loaded(folder: Path) -> None:
    (folder / "model.toml").write_text('demo = true\nwarning = "shows the plumbing"\n' + TOML)
    (folder / "image.onnx").unlink()
    assert demo(f"onnx:{folder}") is True and name_of(f"onnx:{folder}") == "tiny"


def test_the_digest_is_of_every_file(folder: Path) -> None:
    before = digests.of_folder(folder)
    assert load(f"onnx:{folder}").digest == before
    for name in ("image.onnx", "text.onnx", "tokenizer.json", "model.toml"):
        path, kept = folder / name, (folder / name).read_bytes()
        path.write_bytes(kept + b"\n")
        assert digests.of_folder(folder) != before, name
        path.write_bytes(kept)
    (folder / ".hidden").write_text("x")
    assert digests.of_folder(folder) == before
    folder.rename(folder.parent / "elsewhere")
    assert digests.of_folder(folder.parent / "elsewhere") == before


def test_an_onnx_model_needs_no_torch(folder: Path) -> None:
    code = (
        "import sys; from filters.models import load; import numpy as np;"
        f"m = load('onnx:{folder}'); m.texts(['狗']); m.images(np.ones((1, 4, 4, 3), np.uint8));"
        "print(*sorted({'torch', 'open_clip', 'transformers', 'onnx'} & set(sys.modules)), 'done')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["done"], done.stderr


@pytest.mark.parametrize("name", ["model.toml", "image.onnx", "text.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadInput, match=f"{name}: missing.*export"):
        load(f"onnx:{folder}")


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx", "tokenizer.json", "model.toml"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"<html>404</html>")
    with pytest.raises(BadInput, match=name):
        load(f"onnx:{folder}")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("image.onnx", image_graph(name="images"), "needs one input `pixels`"),
        ("image.onnx", image_graph(kind=FLOAT), r"needs one input `pixels`, uint8 \[n, 4, 4, 3\]"),
        ("image.onnx", image_graph(size=5), "set image.size in model.toml"),
        ("image.onnx", image_graph(width=5), r"needs an output `embedding`, float \[n, 6\]"),
        ("text.onnx", text_graph(name="tokens"), "an input `tokens` that its tokenizer does not give"),
        ("text.onnx", text_graph(9), r"its tokenizer gives int64 \[1, 8\]"),
    ],
)
def test_a_graph_of_another_shape_is_told(folder: Path, name: str, data: bytes, says: str) -> None:
    (folder / name).write_bytes(data)
    with pytest.raises(BadInput, match=says):
        load(f"onnx:{folder}")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "tiny"', 'name = "Tiny"', "lower-case"),
        ('name = "tiny"', 'name = "a__b"', "single underscores"),
        ("width = 6", "", "missing required field `width`"),
        ("width = 6", "width = 0", "at least 1"),
        ("width = 6", "width = 6\nweight = 1", "unknown field `weight`"),
        ("size = 4", 'size = "4"', r"image\.size"),
        ("size = 4", 'size = 4\nresize = "stretch"', "stretch"),
        ("size = 4", "size = 4\nfill = 300", "0 to 255"),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5, 0.0, 0.5]", "above 0"),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5]", "std"),
        ('"tokenizers"', '"bert"', "bert"),
        ("context = 8", 'context = 8\ntemplate = "图"', "must hold {} once"),
        ("context = 8", "context = 8\nlengths = [9]", "between 1 and text.context"),
        ("width = 6", "width = 6\ndemo = true", "needs a warning"),
        ("width = 6", "width = ", "not TOML"),
    ],
)
def test_a_fault_in_model_toml_names_the_file_and_the_place(folder: Path, old: str, new: str, says: str) -> None:
    (folder / "model.toml").write_text(TOML.replace(old, new))
    with pytest.raises(BadInput, match=says) as caught:
        load(f"onnx:{folder}")
    assert str(caught.value).startswith(str(folder / "model.toml"))


def test_cuda_without_a_provider_is_an_error(folder: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(BadInput, match=r"--device cuda: .*onnxruntime-gpu"):
        load(f"onnx:{folder}", "cuda")


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


@given(words, words, st.tuples(*[st.floats(0, 1)] * 3), st.sampled_from(["crop", "squash", "pad"]), st.booleans())
def test_what_is_written_is_read_again(
    source: str, around: str, mean: tuple[float, float, float], resize: str, needs_han: bool
) -> None:
    image = Preprocessing(32, resize, mean=mean)  # type: ignore[arg-type]
    text = Text(template=around.replace("{}", "") + "{}", needs_han=needs_han, lengths=(16, 77))
    described = Description("a_b", 5, image, text, source, demo=True, warning='”quoted"\\ ' + source)
    import msgspec

    assert msgspec.toml.decode(description.toml(described), type=Description) == described


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 6), st.integers(0, 2), st.sets(st.integers(0, 25)))
def test_rows_keep_their_order_in_batches_of_one_size(rows: list[int], size: int, ahead: int, full: set[int]) -> None:
    calls = iter(range(10_000))

    def run(batch: Tokens) -> Callable[[], Vectors]:
        if next(calls) in full and len(batch["x"]) > 1:
            raise OutOfMemory("full")
        assert len(batch["x"]) == tower.size
        return lambda: np.asarray(batch["x"], np.float32)[:, None]

    tower = Batches(run, size, ahead)
    assert tower({"x": np.array(rows)}).ravel().tolist() == rows


def test_a_full_device_halves_the_batch_and_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    def run(batch: Tokens) -> Callable[[], Vectors]:
        if len(batch["x"]) > 4:
            raise OutOfMemory("full")
        return lambda: np.asarray(batch["x"], np.float32)[:, None]

    tower = Batches(run, 8)
    for _ in range(2):
        assert tower({"x": np.arange(11)}).ravel().tolist() == list(range(11))
    assert capsys.readouterr().err == "tuwen: the device is out of memory: going on with batches of 4\n"


def test_a_device_without_room_for_one_row_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    def run(batch: Tokens) -> Callable[[], Vectors]:
        raise OutOfMemory("full")

    with pytest.raises(WorkFailed, match=r"no room for a single row.*--device cpu"):
        Batches(run, 4)({"x": np.arange(3)})


@pytest.mark.parametrize("ref", ["mini", "onnx:FOLDER"])
def test_what_is_onnx_already_is_not_exported(folder: Path, tmp_path: Path, ref: str) -> None:
    from filters.models.loading import export

    with pytest.raises(BadInput, match="is an ONNX model already"):
        export(ref.replace("FOLDER", str(folder)), tmp_path / "out")


def test_nothing_is_exported_over_what_is_there(folder: Path) -> None:
    from filters.models.loading import export

    with pytest.raises(BadInput, match="is there already"):
        export("hf:a/b", folder)
