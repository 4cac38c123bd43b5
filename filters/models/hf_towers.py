"""The two towers of a model of transformers as modules: pictures or tokens in, vectors out."""

from __future__ import annotations

from typing import Any

import torch


def image(model: Any, size: int) -> torch.nn.Module:
    """A module that takes pictures [n, 3, size, size], normalised."""
    return _Patches(model, size) if model.config.model_type == "siglip2" else _Images(model)


def width(model: Any) -> int:
    """The length of the vectors: CLIP projects into projection_dim, SigLIP's text head gives its own."""
    config = model.config
    if str(config.model_type).startswith("siglip"):
        return int(getattr(config.text_config, "projection_size", None) or config.text_config.hidden_size)
    return int(config.projection_dim)


def _vectors(output: Any) -> Any:
    """The features: since transformers 5 they are the pooled output of an object, before they were a tensor."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


class Texts(torch.nn.Module):
    """get_text_features as a module."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
        """Vectors [n, width] of tokens [n, length]."""
        return _vectors(self.model.get_text_features(input_ids=input_ids, attention_mask=attention_mask))


class _Images(torch.nn.Module):
    """get_image_features as a module."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, planes: Any) -> Any:
        return _vectors(self.model.get_image_features(pixel_values=planes))


class _Patches(torch.nn.Module):
    """get_image_features of SigLIP 2 for pictures of any shape, which takes rows of patches; ours are one square."""

    def __init__(self, model: Any, size: int) -> None:
        super().__init__()
        self.model, self.patch = model, int(model.config.vision_config.patch_size)
        self.side = size // self.patch
        model.vision_model.embeddings = _SquareEmbeddings(model.vision_model.embeddings, self.side)

    def forward(self, planes: Any) -> Any:
        side, patch = self.side, self.patch
        grid = planes.reshape(-1, 3, side, patch, side, patch).permute(0, 2, 4, 3, 5, 1)
        rows = grid.reshape(-1, side * side, patch * patch * 3)
        # Every patch is one of the picture, so there is nothing to mask, and all have the one shape.
        output = self.model.get_image_features(pixel_values=rows, pixel_attention_mask=None, spatial_shapes=None)
        return _vectors(output)


class _SquareEmbeddings(torch.nn.Module):
    """SigLIP 2's embeddings of patches, with the places of the one square, fitted once and not for every picture."""

    def __init__(self, theirs: Any, side: int) -> None:
        super().__init__()
        self.patch_embedding = theirs.patch_embedding
        grid = theirs.position_embedding.weight.detach()
        grid = grid.reshape(theirs.position_embedding_size, theirs.position_embedding_size, -1)
        places = theirs.resize_positional_embeddings(grid, torch.tensor([[side, side]]), side * side)
        self.register_buffer("places", places[0], persistent=False)

    def forward(self, pixel_values: Any, spatial_shapes: Any) -> Any:
        return self.patch_embedding(pixel_values) + self.places
