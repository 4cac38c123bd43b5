"""Models of torch: small random ones of each real architecture, against the library's own forward pass."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filters.models import NotFinite, load
from filters.models.interface import Preprocessing
from schemas.errors import BadInput, WorkFailed

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")
transformers = pytest.importorskip("transformers")
import checkpoints  # noqa: E402
from checkpoints import TEXTS  # noqa: E402

pytestmark = pytest.mark.clip

CLOSE = 1e-4
HF = ("chinese_clip", "clip", "siglip", "siglip2")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a model of this name, made once."""
    root = tmp_path_factory.mktemp("models")

    def make(name: str) -> Path:
        folder = root / name
        return folder if folder.exists() else getattr(checkpoints, name)(folder)

    return make


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    """An architecture of open_clip's, a checkpoint as its training writes one, and the model."""
    folder = tmp_path_factory.mktemp("open_clip")
    name = checkpoints.open_clip_architecture(folder, "tiny-ViT-B-32")
    model = checkpoints.open_clip_model(name)
    states = {f"module.{key}": value for key, value in model.state_dict().items()}
    path = folder / "epoch_3.pt"
    torch.save({"epoch": 3, "name": "run", "state_dict": states, "optimizer": {}}, path)
    return name, path, model


def pictures(size: int, count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def apart(ours: np.ndarray, theirs: Any) -> float:
    theirs = theirs.detach().double().numpy()
    return float(np.abs(ours - theirs / np.linalg.norm(theirs, axis=1, keepdims=True)).max())


def compare_open_clip(model: Any, theirs: Any, architecture: str) -> None:
    """Our vectors against open_clip's own, from pictures that need no resizing and from texts."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    transform = image_transform_v2(PreprocessCfg(**theirs.visual.preprocess_cfg), is_train=False)
    pixels = pictures(model.preprocessing.size)
    with torch.inference_mode():
        images = theirs.encode_image(torch.stack([transform(Image.fromarray(one)) for one in pixels]))
        texts = theirs.encode_text(open_clip.get_tokenizer(architecture)(TEXTS))
    assert apart(model.images(pixels), images) < CLOSE
    assert apart(model.texts(TEXTS), texts) < CLOSE


def test_a_checkpoint_of_open_clip(checkpoint: tuple[str, Path, Any]) -> None:
    name, path, theirs = checkpoint
    model = load(f"open_clip:{name}:{path}", "cpu")
    assert (model.name, model.width, model.precision) == ("tiny_vit_b_32_epoch_3", 32, "fp32")
    compare_open_clip(model, theirs, name)


def test_safetensors_and_pickled_weights_are_one_model(checkpoint: tuple[str, Path, Any], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    name, path, theirs = checkpoint
    save_file({key: value.contiguous() for key, value in theirs.state_dict().items()}, tmp_path / "w.safetensors")
    torch.save(theirs.state_dict(), tmp_path / "w.bin")
    vectors = [load(f"open_clip:{name}:{one}").texts(TEXTS) for one in (path, *sorted(tmp_path.iterdir()))]
    assert (vectors[0] == vectors[1]).all() and (vectors[0] == vectors[2]).all()


def test_the_digest_is_of_weights_and_settings(checkpoint: tuple[str, Path, Any], tmp_path: Path) -> None:
    name, path, theirs = checkpoint
    shutil.copy(path, tmp_path / "other_name.pt")
    states = theirs.state_dict()
    states["ln_final.bias"] = states["ln_final.bias"] + 1
    torch.save(states, tmp_path / "other.pt")
    same, other = (load(f"open_clip:{name}:{tmp_path / one}.pt").digest for one in ("other_name", "other"))
    assert load(f"open_clip:{name}:{path}").digest == same != other


@pytest.mark.parametrize("kind", ["open_clip_siglip", "open_clip_multilingual"])
def test_a_folder_of_open_clip(made: Callable[[str], Path], kind: str) -> None:
    folder = made(kind)
    model = load(f"open_clip:local-dir:{folder}")
    options = {}
    if kind == "open_clip_multilingual":
        text = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
        options["text_cfg"] = {**text, "hf_model_name": str(folder / "roberta"), "hf_model_pretrained": False}
    theirs = open_clip.create_model(f"local-dir:{folder}", **options).eval()
    compare_open_clip(model, theirs, f"local-dir:{folder}")
    assert model.preprocessing.resize == ("squash" if kind == "open_clip_siglip" else "crop")


def test_a_file_of_siglip_gets_the_preprocessing_of_siglip() -> None:
    """open_clip itself takes CLIP's for any file."""
    from filters.models.open_clip_model import _shared_preprocessing

    tags = open_clip.list_pretrained_tags_by_model("ViT-B-16-SigLIP2")
    assert _shared_preprocessing("ViT-B-16-SigLIP2", tags)["resize_mode"] == "squash"
    assert _shared_preprocessing("ViT-B-32", open_clip.list_pretrained_tags_by_model("ViT-B-32"))["std"][0] < 0.3
    assert _shared_preprocessing("x", []) == {}


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_a_word_of_ours_for_each_way_of_resizing(resize: str) -> None:
    """What Preprocessing says, done with Pillow, is what open_clip's transform does."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    from filters.models.open_clip_model import _preprocessing

    mode = {"crop": "shortest", "squash": "squash", "pad": "longest"}[resize]
    config = {"size": (32, 32), "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "interpolation": "bicubic"}
    ours = _preprocessing({**config, "resize_mode": mode, "fill_color": 9}, "x")
    assert (ours.size, ours.resize, ours.fill) == (32, resize, 9)
    picture = Image.fromarray(pictures(90)[0]).crop((0, 0, 90, 60))
    transform = image_transform_v2(PreprocessCfg(**config, resize_mode=mode, fill_color=9), is_train=False)
    pixels = np.asarray(_prepared(picture, ours), np.float64) / 255
    wanted = ((pixels - ours.mean) / ours.std).transpose(2, 0, 1)
    assert np.abs(transform(picture).numpy() - wanted).max() < 1e-5


def _prepared(picture: Image.Image, how: Preprocessing) -> Image.Image:
    """A picture of 90 by 60 as the square of 32 that is meant."""
    sizes = {"crop": (48, 32), "squash": (32, 32), "pad": (32, 21)}
    small = picture.resize(sizes[how.resize], Image.Resampling.BICUBIC)
    if how.resize == "crop":
        return small.crop((8, 0, 40, 32))
    square = Image.new("RGB", (32, 32), (how.fill,) * 3)
    square.paste(small, (0, (32 - small.height) // 2))
    return square


def test_of_a_repository_only_what_is_needed_is_fetched(
    made: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that copies what is asked for from a folder, as the real one does over the network."""
    fetched: list[str] = []

    def snapshot_download(identity: str, allow_patterns: list[str]) -> str:
        for path in sorted(made("chinese_clip").iterdir()):
            if any(path.match(pattern) for pattern in allow_patterns):
                fetched.append(path.name)
                (tmp_path / identity).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, tmp_path / identity)
        return str(tmp_path / identity)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    (made("chinese_clip") / "tf_model.h5").write_bytes(b"not asked for")
    model = load("hf:OFA-Sys/chinese-clip")
    assert "pytorch_model.bin" in fetched and "tf_model.h5" not in fetched
    assert (model.texts(TEXTS) == load(f"hf:{made('chinese_clip')}").texts(TEXTS)).all()
    assert model.digest == load(f"hf:{made('chinese_clip')}").digest


@pytest.mark.parametrize("kind", HF)
def test_a_folder_of_transformers(made: Callable[[str], Path], kind: str) -> None:
    folder = made(kind)
    model = load(f"hf:{folder}")
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    images = transformers.AutoImageProcessor.from_pretrained(folder)
    tokens = transformers.AutoTokenizer.from_pretrained(folder)
    assert type(theirs).__name__.lower() == kind.replace("_", "") + "model"
    pixels = pictures(32)
    context = 52 if kind == "chinese_clip" else 64 if "siglip" in kind else 77
    given = tokens(TEXTS, padding="max_length", truncation=True, max_length=context, return_tensors="pt")
    with torch.inference_mode():
        seen = theirs.get_image_features(**images([Image.fromarray(one) for one in pixels], return_tensors="pt"))
        read = theirs.get_text_features(**given)
    assert apart(model.images(pixels), seen.pooler_output) < CLOSE
    assert apart(model.texts(TEXTS), read.pooler_output) < CLOSE
    assert model.width == seen.pooler_output.shape[1] == read.pooler_output.shape[1]


def test_a_tokenizer_of_sentencepiece_is_used_and_not_exported(made: Callable[[str], Path], tmp_path: Path) -> None:
    """The first SigLIP's: no tokenizer.json of it splits alike."""
    sentencepiece = pytest.importorskip("sentencepiece")
    from filters.models.loading import export

    folder = tmp_path / "siglip"
    shutil.copytree(made("siglip"), folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    lines = tmp_path / "lines.txt"
    lines.write_text("一只可爱的小狗在草地上跑旁边有一朵花红烧肉 a photo of a dog\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines), model_prefix=str(folder / "spiece"), vocab_size=60, eos_id=1, pad_id=0, bos_id=-1, unk_id=2,
        minloglevel=3, hard_vocab_limit=False,
    )  # fmt: skip
    named = {"tokenizer_class": "SiglipTokenizer", "model_max_length": 64, "model_input_names": ["input_ids"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    tokens = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    texts = [text for text in TEXTS if len(text) < 100]
    with torch.inference_mode():
        read = theirs.get_text_features(**tokens(texts, padding="max_length", truncation=True, return_tensors="pt"))
    assert apart(load(f"hf:{folder}").texts(texts), read.pooler_output) < CLOSE
    with pytest.raises(BadInput, match=r"SiglipTokenizer\) cannot be written as a tokenizer.json"):
        export(f"hf:{folder}", tmp_path / "out")


@pytest.mark.parametrize("kind", ["checkpoint", "open_clip_siglip", "open_clip_multilingual", *HF])
def test_an_exported_model_gives_what_its_source_does(
    made: Callable[[str], Path], checkpoint: tuple[str, Path, Any], tmp_path: Path, kind: str
) -> None:
    from filters.models.loading import export

    prefix = "open_clip:local-dir" if kind.startswith("open_clip") else "hf"
    ref = f"open_clip:{checkpoint[0]}:{checkpoint[1]}" if kind == "checkpoint" else f"{prefix}:{made(kind)}"
    described = export(ref, tmp_path / "out")
    source, copy = load(ref, "cpu"), load(f"onnx:{tmp_path / 'out'}", "cpu")
    assert described.source == ref and copy.name == source.name and copy.preprocessing == source.preprocessing
    pixels = pictures(source.preprocessing.size, 40)
    assert np.abs(copy.images(pixels) - source.images(pixels)).max() < CLOSE
    assert np.abs(copy.texts(TEXTS) - source.texts(TEXTS)).max() < CLOSE
    names = {"image.onnx", "text.onnx", "tokenizer.json", "model.toml"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # no temporary is left


def test_an_export_that_differs_from_its_source_is_not_published(
    made: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filters.models import export
    from filters.models.loading import export as run

    monkeypatch.setattr(export, "CLOSE", -1.0)
    with pytest.raises(WorkFailed, match=r"image.onnx: its vectors differ .*nothing was written"):
        run(f"hf:{made('chinese_clip')}", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_command_exports(made: Callable[[str], Path], tmp_path: Path) -> None:
    words = ["-m", "pipelines.cli", "export-model", f"hf:{made('chinese_clip')}", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "chinese_clip, width 24" in done.stdout and (tmp_path / "out" / "model.toml").is_file()


@pytest.mark.parametrize("kind", ["open_clip_siglip", *HF])
def test_a_vector_is_the_same_in_any_company(made: Callable[[str], Path], kind: str) -> None:
    model = load(f"{'open_clip:local-dir' if kind.startswith('open') else 'hf'}:{made(kind)}", "cpu")
    pixels, texts = pictures(model.preprocessing.size, 40), [f"{number}只小狗" * (number % 9) for number in range(40)]
    images, words = model.images(pixels), model.texts(texts)
    for start, end in ((0, 1), (30, 34), (39, 40)):
        assert np.abs(model.images(pixels[start:end]) - images[start:end]).max() < 1e-6
        assert np.abs(model.texts(texts[start:end]) - words[start:end]).max() < 1e-6


def test_bf16_is_close(made: Callable[[str], Path], checkpoint: tuple[str, Path, Any]) -> None:
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bf16")
    for ref in (f"open_clip:{checkpoint[0]}:{checkpoint[1]}", f"hf:{made('chinese_clip')}", f"hf:{made('siglip2')}"):
        exact, rounded = load(ref, "cpu"), load(ref, "cpu", "bf16")
        assert (rounded.precision, rounded.digest) == ("bf16", exact.digest)
        pixels = pictures(32, 20)
        scores = [model.images(pixels) @ model.texts(TEXTS).T for model in (exact, rounded)]
        assert 0 < np.abs(scores[0] - scores[1]).max() < 0.01


def test_a_processor_without_bf16_is_told(monkeypatch: pytest.MonkeyPatch, made: Callable[[str], Path]) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(BadInput, match="this processor has no bf16; use --precision fp32"):
        load(f"hf:{made('clip')}", "cpu", "bf16")


def test_cuda_without_a_gpu_is_an_error(made: Callable[[str], Path]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(BadInput, match="--device cuda: torch finds no GPU here; use --device cpu"):
        load(f"hf:{made('clip')}", "cuda")


def test_nan_in_the_weights_names_the_rows(checkpoint: tuple[str, Path, Any], tmp_path: Path) -> None:
    name, _, theirs = checkpoint
    states = {key: value.clone() for key, value in theirs.state_dict().items()}
    dog = open_clip.get_tokenizer("ViT-B-32")(["dog"])[0, 1]
    states["token_embedding.weight"][dog] = float("nan")
    torch.save(states, tmp_path / "nan.pt")
    with pytest.raises(NotFinite) as caught:
        load(f"open_clip:{name}:{tmp_path / 'nan.pt'}").texts(["狗", "dog", "cat", "a dog"])
    assert caught.value.rows == (1, 3) and caught.value.what == "texts"


class Code:
    """What runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return (open, (str(self.mark), "w"))

    def __init__(self, mark: Path) -> None:
        self.mark = mark


def test_no_code_of_a_checkpoint_is_run(
    checkpoint: tuple[str, Path, Any], made: Callable[[str], Path], tmp_path: Path
) -> None:
    name, _, theirs = checkpoint
    mark = tmp_path / "run"
    torch.save({**theirs.state_dict(), "x": Code(mark)}, tmp_path / "evil.pt")
    (tmp_path / "evil.bin").write_bytes(pickle.dumps(Code(mark)))
    for path in (tmp_path / "evil.pt", tmp_path / "evil.bin"):
        with pytest.raises(BadInput, match=r"evil.*holds more than weights, and no code is run") as caught:
            load(f"open_clip:{name}:{path}")
        said = str(caught.value)
        assert "\n" not in said and "weights_only" not in said and said.startswith(f"--model open_clip:{name}:")
    folder = tmp_path / "hf"
    shutil.copytree(made("chinese_clip"), folder)
    shutil.copy(tmp_path / "evil.pt", folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match="holds more than weights, and no code is run") as caught:
        load(f"hf:{folder}")
    assert "weights_only" not in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["zip", "older", "safetensors", "empty"])
def test_a_file_that_is_cut_off_is_to_be_copied_again(
    checkpoint: tuple[str, Path, Any], tmp_path: Path, kind: str
) -> None:
    from safetensors.torch import save_file

    name, _, theirs = checkpoint
    path = tmp_path / ("cut.safetensors" if kind == "safetensors" else "cut.pt")
    if kind == "safetensors":
        save_file({key: value.clone() for key, value in theirs.state_dict().items()}, path)
    else:
        torch.save(theirs.state_dict(), path, _use_new_zipfile_serialization=kind != "older")
    path.write_bytes(path.read_bytes()[: 0 if kind == "empty" else path.stat().st_size // 2])
    with pytest.raises(BadInput, match=r"^--model open_clip:.*cut\..* is cut off or damaged; copy it again$"):
        load(f"open_clip:{name}:{path}")


@pytest.mark.filterwarnings("error:'torch.load' received")
def test_a_torchscript_archive_is_told(checkpoint: tuple[str, Path, Any], tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "jit.pt")
    with pytest.raises(BadInput, match="TorchScript archive, which is code"):
        load(f"open_clip:{checkpoint[0]}:{tmp_path / 'jit.pt'}")


def change(states: dict[str, Any], how: str) -> dict[str, Any]:
    if how == "missing":
        return {key: value for key, value in states.items() if key != "ln_final.bias"}
    if how == "unexpected":
        return {**states, "head.weight": torch.zeros(3)}
    return {**states, "visual.positional_embedding": torch.zeros(26, 64)}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("missing", "missing keys ln_final.bias;"),
        ("unexpected", "unexpected keys head.weight;"),
        ("shape", r"other shapes visual.positional_embedding \[26, 64\] for \[17, 64\];"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_told(
    checkpoint: tuple[str, Path, Any], tmp_path: Path, how: str, says: str
) -> None:
    name, _, theirs = checkpoint
    torch.save(change(theirs.state_dict(), how), tmp_path / "w.pt")
    with pytest.raises(BadInput, match=f"w.pt does not fit the architecture: {says} name the architecture"):
        load(f"open_clip:{name}:{tmp_path / 'w.pt'}")


def test_damaged_weights_are_told(
    checkpoint: tuple[str, Path, Any], made: Callable[[str], Path], tmp_path: Path
) -> None:
    for name in ("cut.pt", "cut.safetensors"):
        (tmp_path / name).write_bytes(checkpoint[1].read_bytes()[:5000])
        with pytest.raises(BadInput, match=name):
            load(f"open_clip:{checkpoint[0]}:{tmp_path / name}")
    folder = tmp_path / "hf"
    shutil.copytree(made("siglip"), folder)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BadInput, match="cannot be loaded"):
        load(f"hf:{folder}")


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("open_clip:ViT-B-33:openai", "open_clip has no architecture ViT-B-33; near: .*ViT-B-32"),
        ("open_clip:ViT-B-32:laion9b", "has no tag laion9b, and there is no such file; tags: openai, "),
        ("open_clip:ViT-B-32:./none.pt", "no file none.pt; give the path of a checkpoint, or a tag"),
        ("open_clip:local-dir:./none", "none/open_clip_config.json is missing"),
        ("open_clip:ViT-B-32:openai", "cannot get timm/vit_base_patch32_clip_224.openai at the Hugging Face hub"),
        ("open_clip:hf-hub:timm/none", "cannot get timm/none at the Hugging Face hub .*give their path"),
        ("hf:OFA-Sys/none", "cannot get OFA-Sys/none at the Hugging Face hub .*give their path"),
        ("hf:./none", "no folder none; give a folder, or an id of the hub as ORG/NAME"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_line(ref: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        load(ref)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("chinese_clip", "vocab.txt", "no tokenizer in .*needs one of tokenizer.json, vocab.txt"),
        ("clip", "config.json", "config.json is missing"),
        ("siglip", "model.safetensors", "no weights in"),
        ("siglip2", "preprocessor_config.json", "preprocessor_config.json is missing"),
    ],
)
def test_a_folder_without_a_file_is_told(
    made: Callable[[str], Path], tmp_path: Path, kind: str, name: str, says: str
) -> None:
    folder = tmp_path / kind
    shutil.copytree(made(kind), folder)
    (folder / name).unlink()
    with pytest.raises(BadInput, match=says):
        load(f"hf:{folder}")


@pytest.mark.parametrize(
    ("file", "changes", "says"),
    [
        ("preprocessor_config.json", {"resample": 1}, "its preprocessing is not supported"),
        ("preprocessor_config.json", {"size": {"height": 32, "width": 16}}, "its preprocessing is not supported"),
        ("preprocessor_config.json", {"size": {"height": 64, "width": 64}}, "pictures of 64 pixels for a tower of 32"),
        ("config.json", {"model_type": "bert"}, "bert has not both an image and a text tower; ChineseCLIPModel,"),
        ("config.json", {"projection_dim": 12}, "other shapes text_projection.weight|cannot be loaded"),
    ],
)
def test_a_folder_that_contradicts_itself_is_told(
    made: Callable[[str], Path], tmp_path: Path, file: str, changes: dict[str, Any], says: str
) -> None:
    folder = tmp_path / "hf"
    shutil.copytree(made("chinese_clip"), folder)
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(BadInput, match=says):
        load(f"hf:{folder}")


def test_missing_weights_of_transformers_are_told(made: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    shutil.copytree(made("chinese_clip"), folder)
    states = torch.load(folder / "pytorch_model.bin")
    del states["text_projection.weight"]
    torch.save(states, folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"missing keys text_projection\.weight"):
        load(f"hf:{folder}")


def test_a_tokenizer_of_another_model_is_told(made: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    shutil.copytree(made("chinese_clip"), folder)
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text() + "甲\n乙\n")
    with pytest.raises(BadInput, match=r"has \d+ tokens, its model \d+; they are not of one model"):
        load(f"hf:{folder}")


def test_a_module_that_no_graph_can_hold_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    from filters.models.cuda import OnCuda

    on_cuda = OnCuda(None, ())
    for refused in ("", "operation not permitted", "operation not permitted"):
        on_cuda._tell(refused)
    told = capsys.readouterr().err
    assert told == "tuwen: no CUDA graph of the model (operation not permitted): going on without, slower\n"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_such_a_module_is_called_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    from filters.models.cuda import OnCuda

    class Asks(torch.nn.Module):
        def forward(self, rows: Any) -> Any:
            return rows * rows.sum().item()  # a value from the GPU, which no graph can ask for

    rows = np.ones((2, 3), np.float32)
    assert (OnCuda(Asks(), ("rows",))({"rows": rows})() == 6).all()
    assert capsys.readouterr().err.count("no CUDA graph") == 1
