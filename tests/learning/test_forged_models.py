# ruff: noqa: RUF001 - signs that look like others are what is tested
"""Model files that somebody forged, with a right checksum: each is refused in words, or works."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as raw_save

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import ModelError, ModelFileError, OutputError
from unetscope.images.claims import Claim, Role
from unetscope.images.classes import LabelClass, harmless, harmless_class
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import load_model, save_model, start_model
from unetscope.learning.prediction import predict_probabilities
from unetscope.network import model_file
from unetscope.network.channels import with_classes
from unetscope.network.model_file import ModelFile, load_model_file
from unetscope.network.unet import UNet, UNetConfig, initialise

pytestmark = pytest.mark.usefixtures("few_trees")

Path_ = tuple[str | int, ...]

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    0.0,
    1,
    3,
    -0.5,
    0.5,
    255,
    4096,
    2**31,
    2**32,
    2**40,
    2**64,
    10**40,
    -(10**40),
    1e308,
    -1e308,
    1e-308,
    1e39,
    "",
    "2",
    "zyx",
    "x" * 5000,
    "<b>bold</b>",
    "\x1b[31mred\x1b[0m\n",
    "=HYPERLINK(1)",
    "timm:resnet18",
    "../../etc/passwd",
    [],
    {},
    [[]],
    [None],
    [1, 1],
    [1, -1],
    [4096] * 7,
    [10**40],
    [1e308] * 5,
    {"a": 1},
    [{"value": 1}],
)


def forged(path: Path, manifest: Any, tensors: dict[str, torch.Tensor]) -> Path:
    """A file of these, whatever they say, with a right checksum."""
    digest = model_file._digest(manifest, tensors)
    text = model_file._canonical({**manifest, "sha256": digest})
    path.write_bytes(raw_save(tensors, {"manifest": text}))
    return path


def places(value: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Where every value of a manifest stands, inner and outer ones."""
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        if isinstance(one, (dict, list)):
            yield from places(one, (*at, key))
        else:
            yield (*at, key)


def put(manifest: Any, at: Path_, value: Any) -> None:
    for key in at[:-1]:
        manifest = manifest[key]
    manifest[at[-1]] = value


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    net = initialise(with_classes(small_model(seed=3).features.backbone, 2), 7)
    model = fit_instant(small_model(seed=3), [sample()])
    model = model.with_network(net.eval(), 0.5)
    model = model.with_features(normalisation=Normalisation((0.1,), (3.0,)))
    record = {"epochs": 3, "validation": {"dice": {"1": 0.9}}}
    model = model.with_provenance(pixel_size=(2.0, 2.0), unit="nm", record=record)
    path = tmp_path_factory.mktemp("models") / "m.unetscope"
    save_model(model, path)
    return load_model_file(path)


def refused_or_works(path: Path) -> bool:
    """Whether the file is accepted; then it must answer, learn on and be saved again."""
    try:
        model = load_model(path)
    except ModelFileError as error:
        assert len(str(error)) < 2000
        return False
    for one in model.classes:
        assert one.name == harmless(one.name) and one.name
    picture = blobs((24, 40), 5)[0]
    chance = predict_probabilities(model, as_micrograph(picture))
    assert np.isfinite(chance).all()
    fit_instant(model, [sample()], with_forest=False)
    save_model(model, path.with_name("again.unetscope"))
    load_model(path.with_name("again.unetscope"))
    return True


def changed(whole: ModelFile, rng: random.Random) -> tuple[Any, dict[str, torch.Tensor]]:
    """The manifest with one or two odd values, or an odd tensor."""
    manifest, tensors = json.loads(json.dumps(whole.manifest)), dict(whole.tensors)
    kind = rng.randrange(10)
    if kind == 0:
        name = rng.choice(sorted(tensors))
        tensors[name] = odd_tensor(tensors[name], rng)
        return manifest, tensors
    for _ in range(1 + (kind == 1)):
        at = rng.choice(list(places(manifest)))
        if kind == 2 and isinstance(at[-1], str):
            put(manifest, (*at[:-1], "foreign"), rng.choice(ODD))
        else:
            put(manifest, at, rng.choice(ODD))
    return manifest, tensors


def odd_tensor(tensor: torch.Tensor, rng: random.Random) -> torch.Tensor:
    kind = rng.randrange(6)
    if kind == 0:
        return tensor.to(rng.choice([torch.float16, torch.int64, torch.uint8, torch.int32]))
    if kind == 1:
        return torch.zeros(rng.choice([(0,), (3,), (2, 2), (1, 1, 1, 1, 1), ()]))
    if kind == 2:
        return torch.full_like(tensor, 3e38 if tensor.is_floating_point() else 2**60)
    if kind == 3:
        return torch.full_like(tensor, -1)
    return tensor[:0] if tensor.ndim and kind == 4 else torch.zeros_like(tensor)


def fuzzed(whole: ModelFile, folder: Path, seed: int, count: int) -> int:
    rng, accepted = random.Random(seed), 0
    for turn in range(count):
        manifest, tensors = changed(whole, rng)
        path = forged(folder / "f.unetscope", manifest, tensors)
        try:
            accepted += refused_or_works(path)
        except Exception as error:
            raise AssertionError(f"turn {turn}: {manifest}") from error
    return accepted


def test_a_forged_manifest_is_refused_or_works(whole, tmp_path) -> None:
    assert 3 < fuzzed(whole, tmp_path, 0, 80) < 60


@pytest.mark.slow
@pytest.mark.skipif("UNETSCOPE_SOAK" not in os.environ, reason="set UNETSCOPE_SOAK=1 to run it")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1, 7))
def test_very_many_forged_manifests_are_refused_or_work(whole, tmp_path, seed) -> None:
    assert fuzzed(whole, tmp_path, seed, 400) < 300


@pytest.mark.parametrize("value", [10**40, -(10**40), 1e308, -1, True, "one", [1], None, {}])
@pytest.mark.parametrize(
    "at",
    [
        ("seed",),
        ("forest_seed",),
        ("channels",),
        ("version",),
        ("classes", 0, "value"),
        ("network_classes", 0),
        ("recipe", "temperature"),
        ("recipe", "ridge"),
        ("recipe", "classical_gain", 0, 0),
        ("architecture", "backbone", "widths", 0),
    ],
    ids=lambda at: ".".join(map(str, at)),
)
def test_numbers_that_cannot_be_are_refused(whole, tmp_path, at, value) -> None:
    if at in [("forest_seed",)] and value is None:
        pytest.skip("a model without a forest has none")
    manifest = json.loads(json.dumps(whole.manifest))
    put(manifest, at, value)
    if at == ("recipe", "classical_gain", 0, 0) and value == -1:
        pytest.skip("a gain may be negative")
    with pytest.raises(ModelFileError):
        load_model(forged(tmp_path / "m.unetscope", manifest, dict(whole.tensors)))


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (("classes", 1, "value"), 1, "different classes"),
        (("classes", 0, "value"), 0, "whole number from 1"),
        (("classes", 0, "value"), 70_000, "whole number from 1"),
        (("recipe", "temperature"), 0, "temperature"),
        (("forest_seed",), 2**40, "seed of the forest"),
        (("seed",), 2**32, "seed"),
        (("prior",), [0.5, 0], "prior"),
        (("normalisation",), {"low": [0], "high": []}, "grey range"),
        (("sources",), [{"spec": "os:system"}], "source"),
    ],
)
def test_what_a_value_must_be_is_said(whole, tmp_path, at, value, words) -> None:
    manifest = json.loads(json.dumps(whole.manifest))
    put(manifest, at, value)
    with pytest.raises(ModelFileError, match=words):
        load_model(forged(tmp_path / "m.unetscope", manifest, dict(whole.tensors)))


@pytest.mark.parametrize("part", ["backbone", "network"])
@pytest.mark.parametrize("widths", [[4096] * 7, [4096, 4096, 4096, 4096], [64, 64, 64, 64]])
def test_a_network_that_the_file_does_not_hold_is_never_built(
    whole, tmp_path, monkeypatch, part, widths
) -> None:
    made: list[torch.device] = []
    init = UNet.__init__

    def noted(self, config: UNetConfig) -> None:
        init(self, config)
        made.append(next(self.parameters()).device)

    monkeypatch.setattr(UNet, "__init__", noted)
    manifest = json.loads(json.dumps(whole.manifest))
    manifest["architecture"][part]["widths"] = widths
    with pytest.raises(ModelFileError, match=f"{part}"):
        load_model(forged(tmp_path / "m.unetscope", manifest, dict(whole.tensors)))
    assert {device.type for device in made} == {"meta"}


@pytest.mark.parametrize("name", ["payload", "head.weight", "backbone.enc1.conv1.weight"])
def test_a_huge_tensor_is_refused_before_it_is_read(whole, tmp_path, monkeypatch, name) -> None:
    content = forged(tmp_path / "m.unetscope", whole.manifest, dict(whole.tensors)).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    length = 900 * 2**20
    header = {"__metadata__": header["__metadata__"]} | {
        name: {"dtype": "F32", "shape": [length // 4], "data_offsets": [0, length]}
    }
    text = json.dumps(header).encode()
    path = tmp_path / "huge.unetscope"
    with path.open("wb") as stream:  # sparse: it takes no room
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + length)
    monkeypatch.setattr(model_file, "tensors_from_bytes", lambda content: pytest.fail("read"))
    with pytest.raises(ModelFileError):
        load_model(path)


@pytest.mark.parametrize("value", [[], {}, ["F32"], {"F32": 1}, None, 7, True])
@pytest.mark.parametrize("key", ["dtype", "shape", "data_offsets"])
def test_a_header_of_odd_types_is_refused(whole, tmp_path, key, value) -> None:
    if (key, value) == ("shape", []):
        pytest.skip("the shape of a single number")
    path = forged(tmp_path / "m.unetscope", whole.manifest, dict(whole.tensors))
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["head.bias"][key] = value
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    with pytest.raises(ModelFileError):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("µ-crack, 5 < 7 [a] & «b»", "µ-crack, 5 < 7 [a] & «b»"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("two\nlines\tand\x00 more", "two lines and more"),
        ("‮desrever", "desrever"),
        ("<b onclick=x>nuclei</b>", "‹b onclick=x>nuclei‹/b>"),
        ("=HYPERLINK(1)", "＝HYPERLINK(1)"),
        ("@SUM(A1)", "＠SUM(A1)"),
        ("+1+cmd|x", "＋1+cmd|x"),
        ("-phase", "-phase"),
        ("+ phase", "+ phase"),
        ("a" * 5000, "a" * 200),
    ],
)
def test_names_of_a_file_can_be_shown_and_exported(name, kept) -> None:
    assert harmless(name) == kept
    assert harmless(kept) == kept


def test_an_empty_name_and_an_odd_colour_become_the_usual_ones() -> None:
    assert harmless_class(2, "\x07 ", "javascript:1") == LabelClass(2, "class 2", "#E69F00")


def test_a_class_name_of_a_file_is_made_harmless(whole, tmp_path) -> None:
    manifest = json.loads(json.dumps(whole.manifest))
    manifest["classes"][0]["name"] = "<img src=x>\x1b[2J"
    model = load_model(forged(tmp_path / "m.unetscope", manifest, dict(whole.tensors)))
    assert model.classes[0].name == "‹img src=x>"


def test_a_seed_that_no_generator_takes_is_refused_at_once() -> None:
    for seed in (-1, 2**40):
        with pytest.raises(ModelError, match="seed"):
            start_model(None, seed=seed)


@pytest.mark.parametrize("content", [b"my notes", b"", b"\x89PNG\r\n\x1a\n", b"{}"])
def test_a_model_is_not_saved_over_what_is_no_model(tmp_path, content) -> None:
    model = fit_instant(small_model(), [sample()], with_forest=False)
    path = tmp_path / "m.unetscope"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="there already"):
        save_model(model, path)
    assert path.read_bytes() == content
    save_model(model, path, Claim(Role.MODEL, overwrite=True))
    save_model(model, path)  # a model it is now
    with pytest.raises(OutputError, match="read for this work"):
        save_model(model, path, Claim(Role.MODEL, (path,), overwrite=True))
