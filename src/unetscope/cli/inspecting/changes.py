"""What changes the answer: parts taken away, kernels replaced, training, a shift of the image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from unetscope.cli.inspecting.files import (
    Answer,
    Wanted,
    facts_of,
    own_folder,
    write_labels_like,
    write_table,
)
from unetscope.cli.inspecting.model import Subject
from unetscope.cli.inspecting.progress import watched
from unetscope.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    from unetscope.inspection.asking.ablation import Ablation
    from unetscope.inspection.asking.ablation_parts import Mode

_SHIFTS = (1, 2, 4, 8, 16)


def answer_ablate(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """The answer without a part; without ``--part`` every channel of a layer or every skip."""
    if wanted.part is not None:
        return _without(subject, wanted, wanted.part, out)
    if wanted.layer is not None:
        return _ranking(subject, wanted, wanted.layer, out)
    return _skips(subject, wanted, out)


def _ablated(subject: Subject, wanted: Wanted, part: str) -> Ablation:
    from unetscope.inspection.asking.ablation import ablate

    return ablate(
        subject.module,
        subject.image,
        part,
        cast("Mode", wanted.mode),
        labels=_indexed_labels(subject),
        seed=wanted.seed,
    )


def _indexed_labels(subject: Subject) -> np.ndarray | None:
    """Labels as the engine counts them: k + 1 for the output with index k, 0 for unlabelled."""
    if subject.labels is None or not subject.network.classes:
        return subject.labels
    indexed = np.zeros(subject.labels.shape, dtype=np.int64)
    for index, (value, _) in subject.network.classes.items():
        indexed[subject.labels == value] = index + 1
    return indexed


def _without(subject: Subject, wanted: Wanted, part: str, out: Path) -> Answer:
    from unetscope.inspection.writing.export import ExportedView, Recipe, export_view

    found = _ablated(subject, wanted, part)
    folder = own_folder(out, "without", part, wanted.mode)
    arguments = {"what": part, "mode": wanted.mode, "seed": wanted.seed}
    axes = {3: "cyx", 4: "czyx"}[found.probability_change.ndim]
    view = ExportedView(
        name="probability change",
        what=f"change of probability without {part} ({wanted.mode})",
        values=found.probability_change,
        axes=axes,
        layer=part,
        recipe=Recipe("ablate", arguments, (".probability_change",)),
        channels=tuple(range(len(found.probability_change))),
        scale=(1.0,) * len(subject.sides),
        translate=(0.0,) * len(subject.sides),
        signed=True,
        kind="empirical",
        facts={"mode": wanted.mode, "changed_share": found.changed_share, "note": found.note},
        **facts_of(subject),
    )
    files = export_view(view, folder)
    for name in ("before", "after"):
        mask = np.asarray(getattr(found, f"mask_{name}")) + 1  # 0 would say unlabelled
        files.append(write_labels_like(folder / f"mask_{name}.tif", mask, subject))
    columns = ("class", "Dice of after with before", "Dice before", "Dice after")
    rows = tuple(
        (
            subject.network.classes.get(index, (index, str(index)))[1],
            between,
            _at(found.dice_before, index),
            _at(found.dice_after, index),
        )
        for index, between in _numbered(found.dice_between)
    )
    files.append(write_table(folder / "dice.csv", columns, rows))
    text = f"without {part} ({wanted.mode}) {100 * found.changed_share:.2f} % of the mask changes."
    return Answer("ablate", tuple(files), f"{text} {found.note or ''}".strip(), columns, rows)


def _numbered(scores: Any) -> list[tuple[int, float]]:
    """Index and score, whether they came as a mapping or in order."""
    pairs = scores.items() if hasattr(scores, "items") else enumerate(scores)
    return [(int(index), float(score)) for index, score in pairs]


def _at(scores: Any, index: int) -> float | None:
    if scores is None:
        return None
    return dict(_numbered(scores)).get(index)


def _skips(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    from unetscope.inspection.following.joins import skip_connections

    skips = skip_connections(subject.module, subject.image.shape)
    if not skips:
        raise ModelError("this network has no skip connections; give --layer or --part.")
    rows = []
    for skip in skips:
        found = _ablated(subject, wanted, f"skip:{skip.name}")
        rows.append((f"skip:{skip.name}", skip.source, 100 * found.changed_share))
    rows.sort(key=lambda row: -row[2])
    columns = ("part", "comes from", "changed (% of the mask)")
    path = write_table(out / "ablate_skips.csv", columns, rows)
    text = f"what changes without each skip connection ({wanted.mode})."
    return Answer("ablate", (path,), text, columns, tuple(rows))


def _ranking(subject: Subject, wanted: Wanted, layer: str, out: Path) -> Answer:
    from unetscope.inspection.asking.ablation import ablation_ranking_steps

    mode, seed = cast("Mode", wanted.mode), wanted.seed
    steps = ablation_ranking_steps(subject.module, subject.image, layer, mode, seed=seed)
    ranking = watched(steps, f"without the channels of {layer}")
    columns = ("channel", "changed (% of the mask)", "mean change of probability")
    rows = tuple((row.channel, 100 * row.changed_share, row.probability_change) for row in ranking)
    path = write_table(out / f"ablate_{layer}.csv", columns, rows)
    text = f"what changes without each channel of {layer} ({wanted.mode})."
    return Answer("ablate", (path,), text, columns, rows)


def answer_edit(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """A kernel replaced by another: the map it makes then, and what becomes of the mask."""
    from unetscope.inspection.asking.editing import PRESETS, edited
    from unetscope.inspection.showing.maps import feature_maps
    from unetscope.inspection.writing.export import export_view, maps_view

    layer = wanted.needed_layer(subject, "edit")
    if wanted.kernel is None:
        raise ModelError(
            f'edit needs --kernel, one of {", ".join(PRESETS)}, or numbers, "1,0,-1;2,0,-2;1,0,-1".'
        )
    channel = wanted.channel or 0
    name = wanted.kernel if isinstance(wanted.kernel, str) else "own kernel"
    change = edited(subject.module, layer, wanted.kernel, out=channel)
    folder = own_folder(out, layer, channel, name)
    maps = feature_maps(change.model, subject.image, [layer], [channel])[layer]
    step = {"layer": layer, "kernel": wanted.kernel, "out": channel}
    facts = {
        **facts_of(subject),
        "model": change.model,
        "source": replace(subject.network.source, edits=(step,)),
        "facts": {"kernel_before": change.before, "kernel_after": change.after},
    }
    image = facts.pop("image")
    view = maps_view(maps, facts.pop("model"), image, name=f"{layer} {name}", **facts)
    files = export_view(view, folder)
    masks = {"before": _mask(subject, subject.module), "after": _mask(subject, change.model)}
    for when, mask in masks.items():
        files.append(write_labels_like(folder / f"mask_{when}.tif", mask + 1, subject))
    changed = 100 * float((masks["before"] != masks["after"]).mean())
    text = (
        f"{layer} #{channel} with {name} (cross-correlation, not flipped): "
        f"{changed:.2f} % of the mask changes."
    )
    return Answer("edit", tuple(files), text)


def _mask(subject: Subject, module: nn.Module) -> np.ndarray:
    """The index of the strongest output of every cell of the last map."""
    from unetscope.inspection.following.table import architecture
    from unetscope.inspection.showing.maps import feature_maps

    last = architecture(module, subject.image.shape).rows[-1].name
    values = feature_maps(module, subject.image, [last])[last].values
    found: np.ndarray = values[0] > 0 if len(values) == 1 else values.argmax(axis=0)
    return found.astype(np.int64)


def answer_compare(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """Which kernels and maps differ between this model and the one it was before."""
    if wanted.against is None:
        raise ModelError("compare needs --against, the model as it was before.")

    from unetscope.inspection.asking.comparison import compare

    before = _as_start(wanted.against.module, subject.module)
    found = compare(before, subject.module, subject.image)
    columns = (
        "layer",
        "channel",
        "weights (relative)",
        "bias",
        "map correlation",
        "map (relative)",
    )
    rows = tuple(
        (
            *(row.layer, row.channel, row.relative_change, row.bias_change),
            *(row.map_correlation, row.map_change),
        )
        for row in found.strongest(len(found.rows))
    )
    path = write_table(out / "compare.csv", columns, rows)
    text = f"{subject.network.name} after {wanted.against.name}, the most changed channels first."
    return Answer("compare", (path,), text, columns, rows)


def _as_start(before: nn.Module, after: nn.Module) -> nn.Module:
    """A bundled network as what a training began with: with the classifier of what came after."""
    from unetscope.learning.answering import start_of
    from unetscope.network.unet import UNet

    if not (isinstance(before, UNet) and isinstance(after, UNet)):
        return before
    alike = replace(before.config, classes=after.config.classes) == after.config
    return start_of(before, after) if alike and before.config != after.config else before


def answer_equivariance(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """Whether a shifted image gives the same answer, shifted."""
    from unetscope.inspection.asking.equivariance import equivariance
    from unetscope.inspection.writing.export import ExportedView, Recipe, export_view

    axes = len(subject.sides)
    shifts = [wanted.shift] if wanted.shift else [(0,) * (axes - 1) + (n,) for n in _SHIFTS]
    files, rows, multiple = [], [], 1
    for shift in shifts:
        found = equivariance(subject.module, subject.image, shift, layer=wanted.layer)
        name = ",".join(str(n) for n in shift)
        multiple = found.multiple
        rows.append((name, found.max_error, found.relative_error, "yes" if found.exact else "no"))
        view = ExportedView(
            name="shift error",
            what=f"error when the image is shifted by {name} px",
            values=found.values,
            axes="zyx"[-found.values.ndim :],
            layer=wanted.layer or "answer",
            recipe=Recipe("equivariance", {"shift": shift, "layer": wanted.layer}),
            scale=found.scale,
            translate=found.translate,
            kind="empirical",
            facts={"shift": shift, "max_error": found.max_error},
            **facts_of(subject),
        )
        files += export_view(view, own_folder(out, "shift", name))
    columns = ("shift (px)", "largest error", "relative", "exactly 0")
    files.append(write_table(out / "equivariance.csv", columns, rows))
    text = f"the error must be exactly 0 at multiples of {multiple} px."
    return Answer("equivariance", tuple(files), text, columns, tuple(rows))
