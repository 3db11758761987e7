"""Model files come back as they were saved, or are refused; saving never loses the old file."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as raw_save

from unetscope.errors import ModelError, ModelFileError, OutputError
from unetscope.network import model_file
from unetscope.network.model_file import MODEL_SCHEMA, load_model_file, save_model_file

MANIFEST = {"name": "Körner", "classes": [{"value": 1, "name": "a"}], "pixel_size": [0.5, None]}


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "enc1.weight": torch.randn(4, 1, 3, 3, generator=generator),
        "head.half": torch.randn(5, generator=generator).half(),
        "forest.node": torch.randint(0, 99, (7, 2), generator=generator),
        "forest.leaf": torch.randint(0, 99, (3,), generator=generator, dtype=torch.int32),
        "flags": torch.tensor([0, 1, 255], dtype=torch.uint8),
        "scale": torch.tensor(0.25),
        "empty": torch.zeros(0, 3),
    }


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        first[k].dtype == second[k].dtype and torch.equal(first[k], second[k]) for k in first
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "grains.unetscope"
    save_model_file(path, MANIFEST, tensors())
    return path


def write_raw(path: Path, manifest: Any, weights: dict[str, torch.Tensor] | None = None) -> Path:
    """A well-formed safetensors file with any manifest text."""
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    path.write_bytes(raw_save(tensors() if weights is None else weights, {"manifest": text}))
    return path


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "grains.unetscope"
    digest = save_model_file(path, MANIFEST, tensors())
    loaded = load_model_file(path)
    assert loaded.manifest == {**MANIFEST, "schema": MODEL_SCHEMA}
    assert loaded.sha256 == digest and len(digest) == 64
    assert equal(loaded.tensors, tensors())
    loaded.tensors["enc1.weight"] += 1  # owned and writable
    assert [entry.name for entry in tmp_path.iterdir()] == ["grains.unetscope"]


def test_the_hash_depends_on_content_only(tmp_path: Path) -> None:
    first = save_model_file(tmp_path / "a.unetscope", MANIFEST, tensors())
    turned = dict(reversed(list(MANIFEST.items())))
    back = dict(reversed(list(tensors().items())))
    assert save_model_file(tmp_path / "b.unetscope", turned, back) == first
    assert (tmp_path / "a.unetscope").read_bytes() == (tmp_path / "b.unetscope").read_bytes()
    assert save_model_file(tmp_path / "c.unetscope", {**MANIFEST, "name": "x"}, tensors()) != first
    assert save_model_file(tmp_path / "d.unetscope", MANIFEST, tensors(1)) != first


def test_a_loaded_file_can_be_saved_over_itself(saved: Path) -> None:
    loaded = load_model_file(saved)
    digest = save_model_file(saved, loaded.manifest, loaded.tensors)
    assert digest == loaded.sha256 and equal(load_model_file(saved).tensors, tensors())


def test_tensors_that_share_memory_or_are_strided_are_saved_as_they_look(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    views = {"whole": whole, "turned": whole.T, "part": whole[:, 1]}
    save_model_file(tmp_path / "v.unetscope", {}, views)
    assert equal(load_model_file(tmp_path / "v.unetscope").tensors, views)


def test_five_hundred_damaged_files_are_refused_or_hold_the_same(saved: Path) -> None:
    content = saved.read_bytes()
    original = load_model_file(saved)
    rng = random.Random(0)
    refused = 0
    for _ in range(500):
        damaged = bytearray(content)
        kind = rng.randrange(5)
        if kind == 0:
            del damaged[rng.randrange(len(damaged)) :]
        elif kind == 1:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        elif kind == 2:
            for _ in range(rng.randrange(1, 20)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        elif kind == 3:
            start = rng.randrange(len(damaged))
            del damaged[start : start + rng.randrange(1, 40)]
        else:
            start = rng.randrange(len(damaged))
            damaged[start:start] = rng.randbytes(rng.randrange(1, 40))
        saved.write_bytes(damaged)
        try:
            loaded = load_model_file(saved)
        except ModelFileError:
            refused += 1
            continue
        assert loaded.manifest == original.manifest and equal(loaded.tensors, original.tensors)
    assert refused > 480


def test_every_single_byte_of_the_header_may_be_damaged(saved: Path) -> None:
    content = saved.read_bytes()
    original = load_model_file(saved)
    for place in range(8 + int.from_bytes(content[:8], "little")):
        damaged = bytearray(content)
        damaged[place] ^= 0x20 if place % 2 else 0x01
        saved.write_bytes(damaged)
        try:
            loaded = load_model_file(saved)
        except ModelFileError:
            continue
        assert loaded.manifest == original.manifest and equal(loaded.tensors, original.tensors)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ('{"schema":"unetscope.model/1","a":1,"a":2}', "twice"),
        ('{"schema":"unetscope.model/1","a":NaN}', "finite"),
        ('{"schema":"unetscope.model/1","a":1e999}', "finite"),
        ('{"schema":"unetscope.model/1"}', "checksum"),
        ('{"schema":"unetscope.model/2"}', "update unetscope"),
        ('{"schema":"other/1"}', "unknown schema"),
        ('{"schema":1}', "unknown schema"),
        ("[1]", "no dictionary"),
        ("[" * 100_000, "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_odd_manifests_are_refused(tmp_path: Path, manifest: str, message: str) -> None:
    path = write_raw(tmp_path / "odd.unetscope", manifest)
    with pytest.raises(ModelFileError, match=message):
        load_model_file(path)


def test_weights_changed_by_another_program_are_refused(saved: Path) -> None:
    loaded = load_model_file(saved)
    changed = tensors()
    changed["enc1.weight"][0] *= 1.0001
    write_raw(saved, {**loaded.manifest, "sha256": loaded.sha256}, changed)
    with pytest.raises(ModelFileError, match="checksum"):
        load_model_file(saved)


def test_foreign_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "foreign.unetscope"
    torch.save(tensors(), path)
    with pytest.raises(ModelFileError, match="another kind of file"):
        load_model_file(path)
    path.write_bytes(raw_save({"a": torch.zeros(1)}))
    with pytest.raises(ModelFileError, match="manifest"):
        load_model_file(path)
    write_raw(path, {"schema": MODEL_SCHEMA}, {"a": torch.zeros(1, dtype=torch.float64)})
    with pytest.raises(ModelFileError, match="F64"):
        load_model_file(path)
    with pytest.raises(ModelFileError, match="cannot read"):
        load_model_file(tmp_path / "missing.unetscope")
    with pytest.raises(ModelFileError, match="not a file"):
        load_model_file(tmp_path)
    save_model_file(path, {}, tensors())
    monkeypatch.setattr(model_file, "MAX_FILE_BYTES", 100)
    with pytest.raises(ModelFileError, match="larger than"):
        load_model_file(path)


@pytest.mark.parametrize(
    ("manifest", "weights", "message"),
    [
        ({"a": float("nan")}, {}, "JSON"),
        ({"a": {1, 2}}, {}, "JSON"),
        ({"schema": "unetscope.model/2"}, {}, "schema"),
        ({}, {"w": torch.tensor([1.0, float("nan")])}, "'w' holds NaN"),
        ({}, {"w": torch.zeros(2, dtype=torch.bfloat16)}, "bfloat16"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(
    tmp_path: Path, manifest: dict[str, Any], weights: dict[str, torch.Tensor], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        save_model_file(tmp_path / "a.unetscope", manifest, weights)
    assert not list(tmp_path.iterdir())


def test_names_and_places_that_cannot_be_used_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"call it 'grains.unetscope'"):
        save_model_file(tmp_path / "grains", MANIFEST, tensors())
    with pytest.raises(OutputError, match="does not exist"):
        save_model_file(tmp_path / "nowhere" / "a.unetscope", MANIFEST, tensors())
    (tmp_path / "folder.unetscope").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        save_model_file(tmp_path / "folder.unetscope", MANIFEST, tensors())


@pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="folder permissions do not bind this user",
)
def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Choose a folder"):
            save_model_file(tmp_path / "a.unetscope", MANIFEST, tensors())
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file(
    saved: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = saved.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(OutputError, match=r"No space left.*unchanged"):
            save_model_file(saved, MANIFEST, tensors(1))
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_disk_that_stores_something_else_is_noticed(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    read = Path.read_bytes
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda self: read(self)[:-1] + b"\x55")
        with pytest.raises(OutputError, match="check the disk"):
            save_model_file(saved, MANIFEST, tensors(1))
    assert saved.read_bytes() == before


KILLER = """
import builtins, io, os, sys, torch
from unetscope.network.model_file import load_model_file, save_model_file

torch.set_num_threads(1)  # a forked child must not wait for threads it does not have
path, naive = sys.argv[1], sys.argv[2] == "naive"
save_model_file(path, {"run": 0}, {"w": torch.zeros(50_000)})

def save():
    if not naive:
        return save_model_file(path, {"run": 1}, {"w": torch.ones(50_000)})
    with builtins.open(path, "wb") as stream:  # the negative control: writes in place
        stream.write(b"half"); stream.flush(); os.fsync(stream.fileno())

def deadly(function, state, after):
    def call(*args, **kwargs):
        state[0] -= 1
        if state[0] == 0 and not after:
            os._exit(9)
        result = function(*args, **kwargs)
        if state[0] == 0:
            os._exit(9)
        return result
    return call

seen = []
for after in (False, True):
    for k in range(1, 30):
        child = os.fork()
        if child == 0:
            state = [k]
            for module, name in ((os, "fsync"), (os, "replace"), (os, "open"), (builtins, "open")):
                setattr(module, name, deadly(getattr(module, name), state, after))
            save()
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        loaded = load_model_file(path)
        assert float(loaded.tensors["w"].sum()) == 50_000 * loaded.manifest["run"]
        seen.append((status, loaded.manifest["run"]))
        save_model_file(path, {"run": 0}, {"w": torch.zeros(50_000)})
        if status == 0:
            break
assert (9, 0) in seen and (9, 1) in seen and (0, 1) in seen, seen
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("writer", ["safe", "naive"])
def test_killed_at_any_step_a_whole_file_remains(tmp_path: Path, writer: str) -> None:
    command = [sys.executable, "-c", KILLER, str(tmp_path / "m.unetscope"), writer]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if writer == "safe":
        assert done.returncode == 0, done.stderr
    else:
        assert "ModelFileError" in done.stderr
