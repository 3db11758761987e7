"""``unetscope pretrain``: bundled weights are made again."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from rich.markup import escape

from unetscope.cli.forms import Pretrain
from unetscope.cli.terminal import messages, watch_pretraining
from unetscope.computing.precision import choose_device, device_note
from unetscope.errors import UnetscopeError
from unetscope.images.writing import usable_folder
from unetscope.network.facts import MODEL_SUFFIX
from unetscope.pretraining.bundling import export_weights
from unetscope.pretraining.datasets import find_data
from unetscope.pretraining.judge import HeldOutJudge
from unetscope.pretraining.learner import PretrainConfig
from unetscope.pretraining.meta import meta_train


def run(form: Pretrain) -> Iterator[Path]:
    """Meta-train within the configuration's minutes, or go on; export weights and card.

    Ctrl-C ends it; the next run in the same folder goes on from the last checkpoint.
    """
    run_dir = form.run or Path("runs") / Path(form.config).stem
    out = form.out or run_dir
    config = PretrainConfig.read(_shipped_config(form.config))
    usable_folder(run_dir)
    usable_folder(out)
    data, device = form.data or find_data(), choose_device(form.device)
    if (note := device_note(form.device)) is not None:
        messages().print(escape(note), soft_wrap=True)
    if data is None:
        messages().print("no real data found: synthetic scenes alone, and no judging")
    judge = None if data is None else HeldOutJudge(data, device)
    records = meta_train(config, run_dir, data_root=data, device=device, judge=judge)
    if not watch_pretraining(records, messages(), seconds=config.minutes * 60):
        raise UnetscopeError(f"stopped; run it again to go on from {run_dir}.")
    digest = export_weights(config, run_dir, out, data_root=data)
    messages().print(f"SHA-256 for network/facts.py: {digest}", soft_wrap=True)
    yield out / f"{config.name}{MODEL_SUFFIX}"
    yield out / f"{config.name}.md"


def _shipped_config(name: str) -> Path:
    """The TOML file called so, or the shipped configuration of that name."""
    if Path(name).suffix == ".toml":
        return Path(name)
    folder = Path(str(resources.files("unetscope.pretraining"))) / "configs"
    shipped = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if name not in shipped:
        raise UnetscopeError(
            f"there is no configuration {name!r}; choose {', '.join(shipped)} or a .toml file."
        )
    return shipped[name]
