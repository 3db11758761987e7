"""Where weights of timm's backbones lie, and opening one.

Listing looks into the Hugging Face hub's cache only. The network is used for nothing but a
backbone's weights, and only when ``allow_download=True`` asks for it. Weights are read from
safetensors alone: what torch saves is a pickle.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unetscope.errors import ModelError, ModelFileError
from unetscope.learning.sources.backbone import Backbone, BackboneOptions, TrainingColours
from unetscope.learning.sources.kinds import Opening, SourceEntry, SourceKind, Where
from unetscope.learning.sources.timm_backbone import PREFIX, import_timm, read_backbone

log = logging.getLogger(__name__)

# What other groups found useful on micrographs, with the size of the file in megabytes.
_RECOMMENDED = {
    "vit_small_patch14_reg4_dinov2.lvd142m": ("DINOv2, small", 88),
    "vit_base_patch14_reg4_dinov2.lvd142m": ("DINOv2, base", 346),
    "convnext_tiny.in12k_ft_in1k": ("ConvNeXt, tiny", 114),
    "samvit_base_patch16.sa1b": ("Segment Anything's encoder, base", 359),
}
_FILE = "model.safetensors"
_UNKNOWN_LICENCE = "not stated; ask who made the weights"
# The largest that a model file may ask for.
_MOST = {"passes": 8, "components": 4096, "coarsest_px": 256}


def user_hub() -> Path:
    """The Hugging Face hub's cache, where timm keeps weights, as the environment sets it."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def listed_backbones(hub: Path | None) -> tuple[SourceEntry, ...]:
    """Those whose weights lie in the hub's cache, then recommended ones; none without timm."""
    try:
        import_timm()
    except ModelError:
        return ()
    here = _found_weights(hub or user_hub())
    entries = [_entry(name, "on this computer") for name in here]
    return (*entries, *(_entry(name, "to download") for name in _RECOMMENDED if name not in here))


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that no saved model has.

    Raises
    ------
    ModelFileError
        With the value and what it must be.
    """
    if set(options) != set(_MOST):
        raise ModelFileError(f"a source has the options {sorted(map(str, options))}.")
    for name, most in _MOST.items():
        value = options[name]
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ModelFileError(
                f"{name} of a source: {str(value)[:40]} is no whole number from 1 to {most}."
            )


def open_backbone(opening: Opening) -> Backbone:
    """Open a timm backbone: ``"timm:"`` and a pretrained model of it.

    Raises
    ------
    ModelError
        If timm is missing or knows no such model, or the weights are not on this computer.
    """
    import_timm()
    name, hub = opening.spec.removeprefix(PREFIX), opening.hub or user_hub()
    options = BackboneOptions(**(opening.options or {}))
    config = _config(name)
    weights = _weights_here(config, hub)
    if weights is None:
        if not opening.allow_download:
            raise ModelError(_missing(_entry(name, "to download"), hub))
        weights = _downloaded(name, config, hub)
    return Backbone(
        opening.spec,
        read_backbone(name, weights, options),
        colours=TrainingColours(tuple(config.mean), tuple(config.std)),
        licence_note=config.license or _UNKNOWN_LICENCE,
        options=options,
        state=opening.state,
    )


TIMM = SourceKind(PREFIX, open_backbone, check_options, listed_backbones)


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
