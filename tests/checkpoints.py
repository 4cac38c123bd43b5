"""Small random models of real architectures, saved as their users have them on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, processors, trainers

TEXTS = [
    *(
        "",
        "红烧肉",
        "一只可爱的小狗在草地上跑，旁边有一朵花！",
        "A Photo of a cat’s toy: 99%",
        "😀👨‍👩‍👧 ＡＢＣ（全角）",
    ),
    *("&lt;b&gt; &amp;amp; mojibake schÃ¶n", "字" * 10_000, "小狗，" * 30, "\t tab  \n", "<end_of_text> 之后"),
]

_TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_VISION = {**_TOWER, "image_size": 32, "patch_size": 8}
_CHINESE = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"的一是红烧肉小狗在草地上跑旁边有朵花可爱只，！abcdefgo0123"]

OPEN_CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 48, "heads": 4, "layers": 2},
}
"""ViT-B-32's configuration, with smaller numbers."""

SIGLIP = {
    "embed_dim": 64,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "none"},
    "text_cfg": {
        **{"context_length": 64, "vocab_size": 400, "width": 64, "heads": 4, "layers": 2, "no_causal_mask": True},
        **{"hf_tokenizer_name": "here", "tokenizer_kwargs": {"clean": "canonicalize"}, "pool_type": "last"},
        **{"proj_bias": True, "norm_kwargs": {"eps": 1e-6}, "act_kwargs": {"approximate": "tanh"}},
    },
}
"""ViT-B-16-SigLIP2's, with smaller numbers and timm's own test tower."""


def open_clip_architecture(folder: Path, name: str) -> str:
    """Make an architecture known to open_clip, as its users add one."""
    import open_clip

    path = folder / f"{name}.json"
    path.write_text(json.dumps(OPEN_CLIP))
    open_clip.add_model_config(path)
    return name


def open_clip_model(architecture: str) -> Any:
    """One with random weights."""
    import open_clip

    torch.manual_seed(0)
    return open_clip.create_model(architecture, load_weights=False).eval()


def open_clip_siglip(folder: Path) -> Path:
    """A folder for open_clip:local-dir: as the hub has it, with a tokenizer of transformers."""
    from safetensors.torch import save_file

    folder.mkdir()
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": SIGLIP, "preprocess_cfg": preprocess}))
    _gemma(folder)
    save_file(_states(open_clip_model(f"local-dir:{folder}")), folder / "open_clip_model.safetensors")
    return folder


def open_clip_multilingual(folder: Path) -> Path:
    """The same with the text tower of xlm-roberta-base-ViT-B-32, whose configuration lies in a folder of its own."""
    from transformers import XLMRobertaConfig

    (folder / "roberta").mkdir(parents=True)
    config = XLMRobertaConfig(**_TOWER, vocab_size=400, max_position_embeddings=130, pad_token_id=0)
    config.save_pretrained(folder / "roberta")
    text = {"hf_model_name": "roberta", "hf_tokenizer_name": "roberta", "hf_pooler_type": "mean_pooler"}
    cfg = {**OPEN_CLIP, "text_cfg": text}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": cfg, "preprocess_cfg": {}}))
    _gemma(folder)
    here = {**text, "hf_model_name": str(folder / "roberta"), "hf_model_pretrained": False}
    import open_clip

    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False, text_cfg=here)
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


def _states(model: Any) -> dict[str, Any]:
    return {name: value.contiguous() for name, value in model.state_dict().items()}


def chinese_clip(folder: Path) -> Path:
    """OFA-Sys/chinese-clip-vit-base-patch16's files: vocab.txt, an old preprocessor_config.json, pickled weights."""
    import transformers as t

    text = {**_TOWER, "vocab_size": len(_CHINESE), "max_position_embeddings": 512}
    torch.manual_seed(0)
    model = t.ChineseCLIPModel(t.ChineseCLIPConfig(text_config=text, vision_config=_VISION, projection_dim=24)).eval()
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "vocab.txt").write_text("\n".join(_CHINESE) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    given = {
        **{"do_center_crop": False, "do_normalize": True, "do_resize": True, "size": {"height": 32, "width": 32}},
        **{"image_processor_type": "ChineseCLIPImageProcessor", "resample": 3},
        **{"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(given))
    return folder


def clip(folder: Path) -> Path:
    """openai/clip-vit-base-patch32's files."""
    import open_clip
    import transformers as t

    simple = open_clip.get_tokenizer("ViT-B-32")
    special = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    words = {special.get(name, name): number for name, number in simple.encoder.items()}
    t.CLIPTokenizer(vocab=words, merges=list(simple.bpe_ranks), model_max_length=77).save_pretrained(folder)
    text = {**_TOWER, "hidden_size": 16, "vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407}
    torch.manual_seed(0)
    model = t.CLIPModel(t.CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=24)).eval()
    model.save_pretrained(folder)
    size = {"shortest_edge": 32}
    t.CLIPImageProcessor(size=size, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def siglip(folder: Path) -> Path:
    """google/siglip2-base-patch16-224's files: SiglipModel."""
    import transformers as t

    text = {**_TOWER, "vocab_size": _gemma(folder), "max_position_embeddings": 64}
    torch.manual_seed(0)
    t.SiglipModel(t.SiglipConfig(text_config=text, vision_config=_VISION)).save_pretrained(folder)
    t.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def siglip2(folder: Path) -> Path:
    """google/siglip2-base-patch16-naflex's files: Siglip2Model, of pictures of any shape."""
    import transformers as t

    text = {**_TOWER, "vocab_size": _gemma(folder), "max_position_embeddings": 64}
    vision = {**_TOWER, "num_patches": 9, "patch_size": 8}  # places that are fitted to the 16 patches of a picture
    torch.manual_seed(0)
    t.Siglip2Model(t.Siglip2Config(text_config=text, vision_config=vision)).save_pretrained(folder)
    t.Siglip2ImageProcessor(patch_size=8, max_num_patches=16).save_pretrained(folder)
    return folder


def _gemma(folder: Path) -> int:
    """A tokenizer as SigLIP 2 has it, of bytes where its words end; how many tokens it has."""
    import transformers as t

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    letters = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[*special, *letters], show_progress=False)
    made.train_from_iterator(["一只可爱的小狗在草地上跑，旁边有一朵花！红烧肉 a photo of a dog"] * 3, trainer)
    made.post_processor = processors.TemplateProcessing("$A <eos>", special_tokens=[("<eos>", 1)])
    names = dict(zip(("pad_token", "eos_token", "bos_token", "unk_token"), special, strict=False))
    saved = t.PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=64, padding_side="right", model_input_names=["input_ids"], **names
    )
    saved.save_pretrained(folder)
    return len(saved)
