"""Which feature sources there are, and how to open one by its name.

Listing looks into folders only. The network is used for nothing but a backbone's weights, and only
when ``allow_download=True`` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from unetscope.errors import ModelError
from unetscope.learning.placement import settled
from unetscope.learning.sources.bundled import UNetTaps
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.source import FeatureSource
from unetscope.learning.sources.timm_backbone import (
    PREFIX,
    BackboneOptions,
    TimmBackbone,
    import_timm,
    read_backbone,
)
from unetscope.network.catalogue import bundled_models, load_bundled

Where = Literal["built in", "on this computer", "to download"]

# What other groups found useful on micrographs, with the size of the file in megabytes.
_RECOMMENDED = {
    "vit_small_patch14_reg4_dinov2.lvd142m": ("DINOv2, small", 88),
    "vit_base_patch14_reg4_dinov2.lvd142m": ("DINOv2, base", 346),
    "convnext_tiny.in12k_ft_in1k": ("ConvNeXt, tiny", 114),
    "samvit_base_patch16.sa1b": ("Segment Anything's encoder, base", 359),
}
_UNKNOWN_LICENCE = "not stated; ask who made the weights"


@dataclass(frozen=True)
class SourceEntry:
    """One line of the catalogue; ``spec`` is what :func:`open_source` takes."""

    spec: str
    title: str
    licence_note: str
    where: Where
    download_mb: int | None = None


@dataclass(frozen=True)
class WeightFolders:
    """Where weights lie: the Hugging Face hub's cache and torch.hub's checkpoints."""

    hub: Path
    torch_hub: Path

    @classmethod
    def of_user(cls) -> WeightFolders:
        """The folders that timm and torch use, as the environment sets them."""
        from huggingface_hub.constants import HF_HUB_CACHE

        return cls(Path(HF_HUB_CACHE), Path(torch.hub.get_dir()) / "checkpoints")


def available_sources(folders: WeightFolders | None = None) -> tuple[SourceEntry, ...]:
    """All sources that can be opened here, then those that would be downloaded first.

    Backbones are listed if timm is installed; it is then imported, which takes some tenths of a
    second.
    """
    own = [
        SourceEntry(m.name, m.title, "BSD-3-Clause, part of unetscope", "built in")
        for m in bundled_models()
    ]
    own.append(
        SourceEntry("classical", "Classical filters", ClassicalFilters.licence_note, "built in")
    )
    if find_spec("timm") is None:
        return tuple(own)
    folders = folders or WeightFolders.of_user()
    here = _found_weights(folders)
    entries = [_entry(name, "on this computer") for name in here]
    entries += [_entry(name, "to download") for name in _RECOMMENDED if name not in here]
    return (*own, *entries)


def open_source(
    spec: str,
    *,
    channels: int = 1,
    options: BackboneOptions | None = None,
    allow_download: bool = False,
    state: Mapping[str, Tensor] | None = None,
    folders: WeightFolders | None = None,
) -> FeatureSource:
    """Open a source by its name in :func:`available_sources`.

    Parameters
    ----------
    spec : a bundled model's name, ``"classical"``, or ``"timm:"`` and a pretrained timm model, e.g.
        ``"timm:vit_small_patch14_reg4_dinov2.lvd142m"``.
    channels : of the images, for the bundled U-Nets.
    options : for backbones.
    allow_download : fetch weights that are not on this computer.
    state : of a backbone, as a model file keeps it.

    Raises
    ------
    ModelError
        If there is no such source, timm is missing, or the weights are not on this computer.
    """
    if spec == ClassicalFilters.name:
        return ClassicalFilters()
    if spec in [model.name for model in bundled_models()]:
        from unetscope.network.channels import adapt_input_channels

        net, _ = load_bundled(spec)
        return UNetTaps(spec, settled(adapt_input_channels(net, channels)))
    if not spec.startswith(PREFIX):
        known = [model.name for model in bundled_models()]
        raise ModelError(
            f"no feature source is called {spec!r}; there are {known}, 'classical' and, with timm, "
            f"'{PREFIX}' followed by a pretrained model."
        )
    return _open_backbone(
        spec.removeprefix(PREFIX),
        options or BackboneOptions(),
        folders or WeightFolders.of_user(),
        state,
        allow_download=allow_download,
    )


def _open_backbone(
    name: str,
    options: BackboneOptions,
    folders: WeightFolders,
    state: Mapping[str, Tensor] | None,
    *,
    allow_download: bool,
) -> TimmBackbone:
    import_timm()
    config = _config(name)
    weights = _weights_here(config, folders)
    if weights is None:
        if not allow_download:
            raise ModelError(
                f"the weights of {PREFIX}{name} are not on this computer (looked in {folders.hub} "
                f"and {folders.torch_hub}); allow the download, or copy them there."
            )
        weights = _downloaded(name, config, folders)
    return TimmBackbone(
        name,
        read_backbone(name, weights, options),
        mean=tuple(config.mean),
        std=tuple(config.std),
        licence_note=config.license or _UNKNOWN_LICENCE,
        options=options,
        state=state,
    )


def _entry(name: str, where: Where) -> SourceEntry:
    title, size = _RECOMMENDED.get(name, (name, None))
    licence = _config(name).license or _UNKNOWN_LICENCE
    return SourceEntry(
        PREFIX + name, title, licence, where, size if where == "to download" else None
    )


def _config(name: str) -> Any:
    """timm's record of pretrained weights: where they lie, mean, std, licence."""
    from timm.models import get_pretrained_cfg, is_model

    try:
        config = get_pretrained_cfg(name) if is_model(name.split(".")[0]) else None
    except RuntimeError:  # the architecture is known, these weights of it are not
        config = None
    if config is None or not config.has_weights:
        raise ModelError(
            f"timm knows no pretrained model {name!r}; timm.list_pretrained() names them all."
        )
    return config


def _found_weights(folders: WeightFolders) -> tuple[str, ...]:
    """Names of the pretrained models whose weights lie in the folders."""
    from timm import list_pretrained

    in_hub = {path.name for path in folders.hub.glob("models--*")}
    loose = {path.name for path in folders.torch_hub.glob("*")}
    if not in_hub and not loose:
        return ()
    return tuple(n for n in list_pretrained() if _weights_here(_config(n), folders, in_hub, loose))


def _weights_here(
    config: Any,
    folders: WeightFolders,
    in_hub: set[str] | None = None,
    loose: set[str] | None = None,
) -> Path | None:
    """The file of a pretrained model; the sets of names spare looking at the disk."""
    from huggingface_hub import try_to_load_from_cache

    repository = config.hf_hub_id
    if repository and (in_hub is None or f"models--{repository.replace('/', '--')}" in in_hub):
        found = try_to_load_from_cache(repository, _file_name(config), cache_dir=folders.hub)
        if isinstance(found, str):
            return Path(found)
    file_name = config.url.rpartition("/")[2] if config.url else ""
    if not file_name or config.custom_load or (loose is not None and file_name not in loose):
        return None
    path = folders.torch_hub / file_name
    return path if path.is_file() else None


def _file_name(config: Any) -> str:
    return str(config.hf_hub_filename or "model.safetensors")


def _downloaded(name: str, config: Any, folders: WeightFolders) -> Path:
    from huggingface_hub import hf_hub_download

    if not config.hf_hub_id:
        raise ModelError(f"timm does not say where to download {name!r}; choose another.")
    try:
        found = hf_hub_download(config.hf_hub_id, _file_name(config), cache_dir=folders.hub)
    except (OSError, ValueError) as error:  # offline, refused, no such file, a broken download
        raise ModelError(
            f"the weights of {PREFIX}{name} could not be downloaded ({type(error).__name__}); "
            f"check the connection, or copy them into {folders.hub}."
        ) from error
    return Path(found)
