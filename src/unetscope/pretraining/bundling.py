"""From a finished pretraining run to the bundled weights and their model card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from unetscope.images.claims import MODEL
from unetscope.learning.sources.bundled import CONTEXT
from unetscope.network.folding import fold_batch_norm
from unetscope.network.model_file import save_model_file
from unetscope.pretraining.calibration import choose_temperature
from unetscope.pretraining.datasets import DATASETS
from unetscope.pretraining.hardware import machines_in
from unetscope.pretraining.learner import MetaLearner, PretrainConfig, config_record


def export_weights(
    config: PretrainConfig, run_dir: Path, out_dir: Path, *, data_root: Path | None = None
) -> str:
    """Fold the averaged weights, write them as float16 with a card; return the SHA-256.

    The hash belongs into ``network/facts.py``: weights are only loaded if it matches. Where
    ``data_root`` has real sets, the temperature of the answer is chosen on them.
    """
    learner = MetaLearner(config)
    tensors = load_file(run_dir / "checkpoint.safetensors")
    prefix = "average."
    averaged = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
    learner.load_state_dict(averaged)
    net = learner.net.eval()
    folded = fold_batch_norm(net) if net.config.norm == "batch" else net
    recipe = learner.recipe()
    if config.forest_trees == 0:  # then the run has not learned it
        recipe = replace(recipe, forest_share=config.forest_share)
    if data_root is not None:
        recipe = replace(recipe, temperature=choose_temperature(folded, recipe, data_root))
    log = [json.loads(line) for line in (run_dir / "log.jsonl").read_text().splitlines()]
    manifest = {
        "kind": "backbone",
        "name": config.name,
        "title": config.title,
        "architecture": folded.config.to_dict(),
        "recipe": recipe.to_dict(),
        "pretraining": config_record(config),
        "steps": log[-1]["step"],
        "machines": list(machines_in(log)),
        "licence": "BSD-3-Clause",
        "data": [f"{d.name} ({d.licence})" for d in DATASETS if d.may_train] + ["synthetic scenes"],
    }
    half = {name: tensor.to(torch.float16) for name, tensor in folded.state_dict().items()}
    path = out_dir / f"{config.name}.unetscope"
    MODEL.check(path)
    digest = save_model_file(path, manifest, half)
    (out_dir / f"{config.name}.md").write_text(_card(config, log, manifest, digest))
    return digest


def _card(
    config: PretrainConfig, log: list[dict[str, Any]], manifest: dict[str, Any], digest: str
) -> str:
    judged = [record for record in log if "same" in record]
    rows = "\n".join(
        f"| {r['step']} | {r['seconds'] / 60:.1f} | {r['loss']:.3f} "
        f"| {r['same']:.3f} | {r['other']:.3f} |"
        for r in judged
    )
    trained = "\n".join(f"- {d.name}: {d.modality} ({d.licence})" for d in DATASETS if d.may_train)
    unseen = ", ".join(d.name for d in DATASETS if not d.may_train)
    widths = "-".join(map(str, manifest["architecture"]["widths"]))
    looks_twice = bool(manifest["recipe"]["context_gain"])
    field_px = 100 * (CONTEXT if looks_twice else 1)
    second_look = _SECOND_LOOK.format(config.context_after or 0) if looks_twice else ""
    return f"""# {config.title} (`{config.name}`)

A folded 2D U-Net ({widths}) for one grey channel, whose two finest decoder
maps feed the instant head. Float16 safetensors, SHA-256 of manifest and tensors `{digest}`.
{second_look}
**Made by** `unetscope pretrain src/unetscope/pretraining/configs/{config.name}.toml` (seed
{config.seed}, {log[-1]["step"]} steps, {log[-1]["seconds"] / 60:.0f} minutes of training on
{", then ".join(manifest["machines"])}), then averaged, folded and rounded to float16.

**Learned from** synthetic scenes drawn on the fly (half of all episodes) and crops of

{trained}

**Licence** of the weights: BSD-3-Clause. No picture is part of them.

**Judged on** sets never trained on ({unseen}), mean class Dice of the ridge head alone after five
simulated strokes a class, on the same image outside the strokes and on another one:

| step | minutes | loss | same image | other image |
|---|---|---|---|---|
{rows}

**Probabilities** are those of a temperature of {manifest["recipe"]["temperature"]:.1f}, with the
smallest calibration error on the sets it learned from (1 where there were none).

**Limits.** Grey images; colour is used through the classical filters and by fine-tuning. Structures
much larger than its field of about {field_px} px need a smaller picture. The last step is used; it
was not chosen by these figures.
"""


_SECOND_LOOK = f"""
It looks twice: at the image, and at the image averaged down to 1/{CONTEXT} of its size, with the
same weights; the head stands on the maps of both. The second look joined the training after
{{:.0f}} minutes.
"""
