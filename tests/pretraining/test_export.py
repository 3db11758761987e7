"""Export: a finished run becomes weights that load, with a card that says where they are from."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from unetscope.learning.recipe import Recipe
from unetscope.network.model_file import load_model_file
from unetscope.network.unet import UNet, UNetConfig
from unetscope.pretraining.bundling import export_weights
from unetscope.pretraining.hardware import machine_record, machines_in
from unetscope.pretraining.learner import MetaLearner
from unetscope.pretraining.meta import meta_train

pytestmark = pytest.mark.usefixtures("few_scenes")


def test_machines_are_told_once_each_and_never_guessed() -> None:
    one, two = {"device": "A", "threads": 1}, {"device": "B", "threads": 4}
    assert machines_in([one, one, two]) == ("A with 1 CPU thread", "B with 4 CPU threads")
    assert machines_in([{"step": 50}]) == ("a machine that the log does not name",)
    here = machine_record("cpu")
    assert here["device"] and here["threads"] == torch.get_num_threads()


@pytest.mark.gpu
def test_a_gpu_is_named() -> None:
    assert machine_record("cuda")["device"] == torch.cuda.get_device_name()


def test_exported_weights_answer_as_the_averaged_learner(tiny, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("unetscope.pretraining.hardware._processor", lambda: "Abacus 9")
    list(meta_train(tiny, tmp_path / "run", judge=lambda learner: {"same": 0.5, "other": 0.4}))
    digest = export_weights(tiny, tmp_path / "run", tmp_path)
    loaded = load_model_file(tmp_path / "tiny.unetscope")
    assert loaded.sha256 == digest
    assert all(t.dtype == torch.float16 for t in loaded.tensors.values())

    net = UNet(UNetConfig.from_dict(loaded.manifest["architecture"]))
    net.load_state_dict({k: t.float() for k, t in loaded.tensors.items()}, strict=True)
    average = MetaLearner(tiny)
    saved = load_file(tmp_path / "run" / "checkpoint.safetensors")
    average.load_state_dict(
        {k.removeprefix("average."): t for k, t in saved.items() if k.startswith("average.")}
    )
    image = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        expected = average.net.eval().taps(image, ["dec1"])["dec1"]
        found = net.eval().taps(image, ["dec1"])["dec1"]
    assert torch.allclose(found, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
    assert Recipe.from_dict(loaded.manifest["recipe"]) == average.recipe()

    card = (tmp_path / "tiny.md").read_text()
    assert digest in card and "| 0.500 | 0.400 |" in card
    assert "training on\nAbacus 9 with 1 CPU thread), then" in card
    assert loaded.manifest["machines"] == ["Abacus 9 with 1 CPU thread"]
    assert "vnc_sstem" not in str(loaded.manifest["data"])
    assert any("bbbc039 (CC0)" in entry for entry in loaded.manifest["data"])
