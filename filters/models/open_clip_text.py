"""The text tower of an open_clip model as a module, for texts shorter than its context where that changes nothing."""

from __future__ import annotations

from typing import Any

import torch

from filters.models.torch_model import TextTower

_SHORTER = (16, 32, 48)
"""Paddings beside the whole context: most captions are short, and a text tower's time goes with its length."""


def tower(model: Any) -> TextTower:
    """The text tower: token ids [n, length] in, vectors out. The model itself is not to be used afterwards."""
    import open_clip

    plain = type(model) is open_clip.CLIP and all(map(_is_plain, model.transformer.resblocks))
    return TextTower(_CausalText(model) if plain else Encode(model, "encode_text"), ("input_ids",))


def lengths(model: Any, text: TextTower, context: int) -> tuple[int, ...]:
    """The paddings that change nothing: of CLIP's causal tower pooled at its end token, and of one that masks."""
    from open_clip.hf_model import HFTextEncoder

    ends = isinstance(text.tower, _CausalText) and text.tower.pool["pool_type"] in ("argmax", "eos")
    masks = isinstance(getattr(model, "text", None), HFTextEncoder)
    return (*(length for length in _SHORTER if length < context and (ends or masks)), context)


class Encode(torch.nn.Module):
    """One of a model's two encoding functions as a module."""

    def __init__(self, model: Any, function: str) -> None:
        super().__init__()
        self.model, self.function = model, function

    def forward(self, given: Any) -> Any:
        """Vectors [n, width]."""
        return getattr(self.model, self.function)(given)


def _is_plain(block: Any) -> bool:
    """Whether a block's attention is torch's own, over rows of a batch."""
    return type(block.attn) is torch.nn.MultiheadAttention and block.attn.batch_first


class _CausalText(torch.nn.Module):
    """The text tower of open_clip's CLIP, for texts of any length up to its context."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        for name in ("token_embedding", "ln_final", "positional_embedding", "text_projection"):
            setattr(self, name, getattr(model, name))
        self.blocks = model.transformer.resblocks
        for block in self.blocks:
            block.attn = _Attention(block.attn)
        self.register_buffer("attn_mask", model.attn_mask, persistent=False)
        self.pool = {"pool_type": model.text_pool_type, "eos_token_id": model.text_eos_id}

    def forward(self, input_ids: Any) -> Any:
        from open_clip.transformer import text_global_pool

        length = input_ids.shape[1]
        states = self.token_embedding(input_ids) + self.positional_embedding[:length]
        mask = None if self.attn_mask is None else self.attn_mask[:length, :length]
        for block in self.blocks:
            states = block(states, attn_mask=mask)
        vectors = text_global_pool(self.ln_final(states), input_ids, **self.pool)
        if self.text_projection is None:
            return vectors
        linear = isinstance(self.text_projection, torch.nn.Linear)
        return self.text_projection(vectors) if linear else vectors @ self.text_projection


class _Attention(torch.nn.Module):
    """torch's MultiheadAttention of a row with itself, written so that an ONNX graph of it takes any length."""

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.heads, self.out = theirs.num_heads, theirs.out_proj
        self.weight, self.bias = theirs.in_proj_weight, theirs.in_proj_bias

    def forward(self, states: Any, key: Any, value: Any, need_weights: bool, attn_mask: Any) -> tuple[Any, None]:
        rows, length, width = states.shape
        parts = torch.nn.functional.linear(states, self.weight, self.bias)
        parts = parts.view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        joined = torch.nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=attn_mask)
        return self.out(joined.transpose(1, 2).reshape(rows, length, width)), None
