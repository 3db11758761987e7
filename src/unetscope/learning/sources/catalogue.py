"""Which feature sources there are, and how to open one by its name.

Listing looks into the Hugging Face hub's cache only. The network is used for nothing but a
backbone's weights, and only when ``allow_download=True`` asks for it. Weights are read from
safetensors alone: what torch saves is a pickle.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from unetscope.computing.ready import settled
from unetscope.errors import ModelError
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
from unetscope.network.facts import BUNDLED
from unetscope.network.shipped import load_bundled

log = logging.getLogger(__name__)

Where = Literal["built in", "on this computer", "to download"]

# What other groups found useful on micrographs, with the size of the file in megabytes.
_RECOMMENDED = {
    "vit_small_patch14_reg4_dinov2.lvd142m": ("DINOv2, small", 88),
    "vit_base_patch14_reg4_dinov2.lvd142m": ("DINOv2, base", 346),
    "convnext_tiny.in12k_ft_in1k": ("ConvNeXt, tiny", 114),
    "samvit_base_patch16.sa1b": ("Segment Anything's encoder, base", 359),
}
_FILE = "model.safetensors"
_UNKNOWN_LICENCE = "not stated; ask who made the weights"


@dataclass(frozen=True)
class SourceEntry:
    """One line of the catalogue; ``spec`` is what :func:`open_source` takes."""

    spec: str
    title: str
    licence_note: str
    where: Where
    download_mb: int | None = None


def user_hub() -> Path:
    """The Hugging Face hub's cache, where timm keeps weights, as the environment sets it."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def available_sources(hub: Path | None = None) -> tuple[SourceEntry, ...]:
    """All sources that can be opened here, then those that would be downloaded first.

    Backbones are listed if timm can be imported, which may take a second.
    """
    own = [
        SourceEntry(m.name, m.title, "BSD-3-Clause, part of unetscope", "built in") for m in BUNDLED
    ]
    own.append(
        SourceEntry("classical", "Classical filters", ClassicalFilters.licence_note, "built in")
    )
    try:
        import_timm()
    except ModelError:
        return tuple(own)
    here = _found_weights(hub or user_hub())
    entries = [_entry(name, "on this computer") for name in here]
    entries += [_entry(name, "to download") for name in _RECOMMENDED if name not in here]
    return (*own, *entries)


def open_source(
    spec: str,
    *,
    channels: int = 1,
    options: BackboneOptions | None = None,
    allow_download: bool = False,
    hub: Path | None = None,
) -> FeatureSource:
    """Open a source by its name in :func:`available_sources`.

    Parameters
    ----------
    spec : a bundled model's name, ``"classical"``, or ``"timm:"`` and a pretrained timm model, e.g.
        ``"timm:vit_small_patch14_reg4_dinov2.lvd142m"``.
    channels : of the images, for the bundled U-Nets.
    options : for backbones.
    allow_download : fetch weights that are not on this computer.
    hub : where weights lie; None for the user's.

    Raises
    ------
    ModelError
        If there is no such source, timm is missing, or the weights are not on this computer.
    """
    if spec == ClassicalFilters.name:
        return ClassicalFilters()
    if spec in [model.name for model in BUNDLED]:
        from unetscope.network.channels import adapt_input_channels

        net, _ = load_bundled(spec)
        return UNetTaps(spec, settled(adapt_input_channels(net, channels)))
    if not spec.startswith(PREFIX):
        known = [model.name for model in BUNDLED]
        raise ModelError(
            f"no feature source is called {spec!r}; there are {known}, 'classical' and, with timm, "
            f"'{PREFIX}' followed by a pretrained model."
        )
    return open_backbone(spec, options=options, allow_download=allow_download, hub=hub)


def open_backbone(
    spec: str,
    *,
    options: BackboneOptions | None = None,
    allow_download: bool = False,
    state: Mapping[str, Tensor] | None = None,
    hub: Path | None = None,
) -> TimmBackbone:
    """Open a timm backbone as :func:`open_source` does.

    Parameters
    ----------
    spec : ``"timm:"`` and a pretrained timm model.
    state : its reduction, as a model file keeps it; None fits a new one.
    """
    import_timm()
    name, hub, options = spec.removeprefix(PREFIX), hub or user_hub(), options or BackboneOptions()
    config = _config(name)
    weights = _weights_here(config, hub)
    if weights is None:
        if not allow_download:
            raise ModelError(_missing(_entry(name, "to download"), hub))
        weights = _downloaded(name, config, hub)
    return TimmBackbone(
        name,
        read_backbone(name, weights, options),
        mean=tuple(config.mean),
        std=tuple(config.std),
        licence_note=config.license or _UNKNOWN_LICENCE,
        options=options,
        state=state,
    )


def _missing(entry: SourceEntry, hub: Path) -> str:
    listed = entry.download_mb is not None
    size = f" ({entry.download_mb} MB)" if listed else ""
    window = ", in the window by choosing it in the list of models" if listed else ""
    return (
        f"{entry.spec} is not on this computer (looked in {hub}). Download its weights{size} from "
        f"huggingface.co with --allow-download, in Python with allow_download=True{window}. "
        f"Their licence: {entry.licence_note}"
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


def _found_weights(hub: Path) -> tuple[str, ...]:
    """Names of the pretrained models whose weights lie in the cache."""
    from timm import list_pretrained

    in_hub = {path.name for path in hub.glob("models--*")}
    if not in_hub:
        return ()
    return tuple(n for n in list_pretrained() if _weights_here(_config(n), hub, in_hub))


def _weights_here(config: Any, hub: Path, in_hub: set[str] | None = None) -> Path | None:
    """The file of a pretrained model; the folders' names spare looking at the disk."""
    from huggingface_hub import try_to_load_from_cache

    repository = config.hf_hub_id
    if not repository or (in_hub is not None and _folder_name(repository) not in in_hub):
        return None
    found = try_to_load_from_cache(repository, _FILE, cache_dir=hub)
    return Path(found) if isinstance(found, str) else None


def _folder_name(repository: str) -> str:
    return f"models--{repository.replace('/', '--')}"


def _downloaded(name: str, config: Any, hub: Path) -> Path:
    from huggingface_hub import hf_hub_download

    if not config.hf_hub_id:
        raise ModelError(f"timm does not say where to download {name!r}; choose another.")
    licence = config.license or _UNKNOWN_LICENCE
    log.warning(
        "Downloading the weights of %s from huggingface.co. Their licence: %s", name, licence
    )
    try:
        found = hf_hub_download(config.hf_hub_id, _FILE, cache_dir=hub)
    except (OSError, ValueError) as error:  # offline, refused, no such file, a broken download
        raise ModelError(
            f"the weights of {PREFIX}{name} could not be downloaded ({type(error).__name__}); "
            f"check the connection, or copy them into {hub}."
        ) from error
    return Path(found)
