"""The model file: one safetensors file that says what it is and proves that it is whole.

A JSON manifest travels in the file's metadata. A SHA-256 over the manifest and every tensor's
name, type, shape and bytes tells damage from content; it proves integrity, not authorship.
Nothing in the file is ever executed: no pickle, no import paths. Files are read once into memory
(not mapped, so that a file may be saved over itself) and written beside their final place,
verified, and only then moved there, so a crash leaves either the old file or the new one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_from_tensors

from unetscope.errors import ModelError, ModelFileError, OutputError
from unetscope.network.facts import MODEL_SUFFIX

MODEL_SCHEMA = "unetscope.model/1"
MAX_FILE_BYTES = 1 << 30  # far above any model made here; refuses to fill the memory
MAX_HEADER_BYTES = 1 << 20

_SCHEMA_NAME, _SCHEMA_MAJOR = "unetscope.model", 1
_DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "U8": torch.uint8,
    "I32": torch.int32,
    "I64": torch.int64,
}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_WINDOWS_BUSY = (5, 32, 33)  # access denied, sharing violation, lock violation
_WINDOWS_PATIENCE_S = 2.5


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What a model file holds: manifest (with ``schema``), tensors by name, and their hash."""

    manifest: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    sha256: str


@dataclass(frozen=True)
class StoredTensor:
    """What a file says of a tensor before it is read: its type as safetensors writes it, shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return math.prod(self.shape) * _DTYPES[self.dtype].itemsize


Check = Callable[[Mapping[str, Any], Mapping[str, StoredTensor]], None]
"""Refuses a manifest, or tensors that do not go with it, by a ModelFileError."""


def save_model_file(
    path: str | os.PathLike[str], manifest: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> str:
    """Write a model file safely and return its SHA-256.

    Parameters
    ----------
    path : path ending in ``.unetscope``
        An existing file is replaced at the very end, in one step.
    manifest : mapping
        JSON values only (no NaN). ``schema`` is added; a ``sha256`` is replaced by the true one.
    tensors : mapping of name to tensor
        float32, float16, uint8, int32 or int64, all finite; any device.

    Raises
    ------
    ModelError
        The manifest is no JSON, or a tensor has another type or is not finite.
    OutputError
        The name lacks the suffix, or the file cannot be written. The old file is untouched.
    """
    target = _checked_target(path)
    described = _checked_manifest(manifest)
    stored = {name: _storable(name, tensor) for name, tensor in tensors.items()}
    digest = _digest(described, stored)
    text = _canonical({**described, "sha256": digest})
    content = bytes_from_tensors(stored, {"manifest": text})
    header_bytes = int.from_bytes(content[:8], "little")
    if header_bytes > MAX_HEADER_BYTES or len(content) > MAX_FILE_BYTES:
        raise ModelError(
            f"the model needs {header_bytes} bytes of description and {len(content)} bytes in all; "
            f"a model file holds at most {MAX_HEADER_BYTES} and {MAX_FILE_BYTES}."
        )
    try:
        _replace_safely(target, content, digest)
    except OSError as error:
        raise OutputError(
            f"cannot write {target} ({len(content)} bytes): {error.strerror or error}. Choose a "
            "folder you may write to, with enough free space. The file there, if any, is unchanged."
        ) from error
    return digest


def load_model_file(path: str | os.PathLike[str], check: Check | None = None) -> ModelFile:
    """Read a model file and check all of it: layout, schema, hash, finite values.

    Parameters
    ----------
    check : asked with the manifest and what the file says of its tensors, before they are read.

    Raises
    ------
    ModelFileError
        The file is missing, too large, damaged, foreign or made by a newer unetscope.
    """
    place = Path(path)
    try:
        found = place.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ModelFileError(f"{place} is not a file; choose a file ending in {MODEL_SUFFIX}.")
        with place.open("rb") as stream:
            head = stream.read(8)
            head += stream.read(_header_bytes(head, found.st_size, str(place)))
            _described(head, found.st_size, str(place), check)
            content = head + stream.read(MAX_FILE_BYTES + 1 - len(head))
    except OSError as error:
        raise ModelFileError(f"cannot read {place}: {error.strerror or error}.") from error
    return _parsed(content, str(place))


def shown(value: object) -> str:
    """A value of a file as an error names it: short, and on one line."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _checked_target(path: str | os.PathLike[str]) -> Path:
    target = Path(path)
    if target.suffix != MODEL_SUFFIX or target.stem == "":
        raise OutputError(
            f"{target.name!r} is no name for a model file; call it "
            f"{(target.name or 'model') + MODEL_SUFFIX!r}."
        )
    # A link is followed, so that saving over it changes the file it stands for.
    target = Path(os.path.realpath(target))
    if not target.parent.is_dir():
        raise OutputError(f"the folder {target.parent} does not exist; create it first.")
    if target.is_dir():
        raise OutputError(f"{target} is a folder; choose another name.")
    return target


def _checked_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the schema and without a hash, exactly as it will be read back."""
    described = {**manifest, "schema": manifest.get("schema", MODEL_SCHEMA)}
    described.pop("sha256", None)
    if described["schema"] != MODEL_SCHEMA:
        raise ModelError(
            f"the manifest says schema {described['schema']!r}; this version writes "
            f"{MODEL_SCHEMA!r} only."
        )
    try:
        return _strict_json(_canonical(described))
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"the manifest is not plain JSON: {error}. Use text, finite numbers, lists and "
            "dictionaries with text keys."
        ) from error


def _storable(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype not in _DTYPE_NAMES:
        raise ModelError(
            f"tensor {name!r} is {tensor.dtype}; model files hold "
            f"{', '.join(str(dtype) for dtype in _DTYPE_NAMES)}. Convert it first."
        )
    if not bool(torch.isfinite(tensor).all()):
        raise ModelError(f"tensor {name!r} holds NaN or infinity; such a model is not saved.")
    # Cloned, so that tensors sharing memory are stored one by one, each as it is.
    return tensor.detach().cpu().contiguous().clone()


def _canonical(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(manifest: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over the manifest without its hash and the tensors sorted by name.

    Every part is preceded by its length, so no two contents run into the same bytes.
    """
    described = {key: value for key, value in manifest.items() if key != "sha256"}
    parts: list[Any] = [_canonical(described).encode()]
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        parts.append(json.dumps([name, _DTYPE_NAMES[tensor.dtype], list(tensor.shape)]).encode())
        parts.append(tensor.reshape(-1).view(torch.uint8).numpy().data)
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.hexdigest()


def _parsed(content: bytes, source: str) -> ModelFile:
    """The checked content of a model file; ``source`` names it in errors."""
    manifest = _described(content, len(content), source)
    try:
        # Cloned, so that every tensor owns aligned, writable memory.
        tensors = {name: t.clone() for name, t in tensors_from_bytes(content).items()}
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        _refuse(source, f"its weights cannot be read ({error})", error)
    digest = manifest.pop("sha256", None)
    if digest != _digest(manifest, tensors):
        _refuse(source, "its content does not match its checksum, so it is damaged or was changed")
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            _refuse(source, f"the weights {shown(name)} are not finite")
    return ModelFile(manifest, tensors, digest)


def _refuse(source: str, reason: str, cause: Exception | None = None) -> NoReturn:
    raise ModelFileError(
        f"{source} is not a usable model file: {reason}. Take it from its source again, "
        "or choose another file."
    ) from cause


def _header_bytes(head: bytes, size: int, source: str) -> int:
    """How long the header is that follows the first eight bytes of a file of ``size`` bytes."""
    if size > MAX_FILE_BYTES:
        _refuse(source, f"it is larger than {MAX_FILE_BYTES} bytes")
    length = int.from_bytes(head[:8], "little")
    if len(head) < 8 or not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        _refuse(source, "its beginning is damaged or it is another kind of file")
    return length


def _described(
    content: bytes, size: int, source: str, check: Check | None = None
) -> dict[str, Any]:
    """The manifest at the beginning of a file of ``size`` bytes, once all it says was checked."""
    length = _header_bytes(content, size, source)
    try:
        header = _strict_json(content[8 : 8 + length].decode())
        stored, manifest = _tensors_in(header), _manifest_of(header)
        taken = sum(tensor.bytes for tensor in stored.values())
        if taken != size - 8 - length:
            raise ValueError(f"{taken} bytes of weights in a file of {size}")
        if check is not None:
            check(manifest, stored)
    except ModelFileError as error:  # of another version or content: it says itself what to do
        raise ModelFileError(f"{source}: {error}") from error
    except (ValueError, RecursionError) as error:
        _refuse(source, f"its description cannot be read ({error})", error)
    return manifest


def _tensors_in(header: Any) -> dict[str, StoredTensor]:
    """What a safetensors header says of its tensors, by name."""
    if not isinstance(header, dict):
        raise ValueError("no description of tensors")
    return {name: _stored(name, e) for name, e in header.items() if name != "__metadata__"}


def _stored(name: str, entry: Any) -> StoredTensor:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {shown(name)} is described in an unknown way")
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"tensor {shown(name)} has the unsupported type {shown(dtype)}")
    if not isinstance(shape, list) or len(shape) > 8 or not all(map(_is_length, shape)):
        raise ValueError(f"tensor {shown(name)} has no shape that can be")
    return StoredTensor(dtype, tuple(shape))


def _is_length(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 0 <= side <= MAX_FILE_BYTES


def _manifest_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest in a safetensors header."""
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or set(metadata) != {"manifest"}:
        raise ValueError("no unetscope manifest")
    manifest = _strict_json(metadata["manifest"])
    if not isinstance(manifest, dict):
        raise ValueError("the manifest is no dictionary")
    schema = manifest.get("schema")
    match = re.fullmatch(r"([a-z.]+)/(\d{1,6})", schema) if isinstance(schema, str) else None
    if match is None or match[1] != _SCHEMA_NAME:
        raise ValueError(f"unknown schema {shown(schema)}, expected {MODEL_SCHEMA!r}")
    if int(match[2]) != _SCHEMA_MAJOR:
        raise ModelFileError(
            f"the model file has the version {schema!r}, this unetscope reads {MODEL_SCHEMA!r}; "
            "update unetscope."
        )
    return manifest


def _strict_json(text: str) -> Any:
    """JSON without duplicate keys and without numbers that are not finite."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key occurs twice")
        return found

    def finite(number: str) -> float:
        if not math.isfinite(float(number)):
            raise ValueError(f"{number} is not a finite number")
        return float(number)

    if not isinstance(text, str):
        raise ValueError("text expected")
    return json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)


def _replace_safely(target: Path, content: bytes, digest: str) -> None:
    """Write beside ``target``, sync, read back and verify, then move into place."""
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        with open(draft, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if _parsed(draft.read_bytes(), str(draft)).sha256 != digest:
            raise OSError("the file read back differs from what was written; check the disk")
        _move(draft, target)
    except ModelFileError as error:
        raise OSError(f"the file read back is damaged; check the disk ({error})") from error
    finally:
        with suppress(OSError):  # gone after the move; a leftover draft does no harm
            draft.unlink()
    _sync_folder(target.parent)


def _move(draft: Path, target: Path) -> None:
    """Replace ``target``; on Windows, wait a moment for a scanner or reader to let go of it."""
    end = time.monotonic() + _WINDOWS_PATIENCE_S
    while True:
        try:
            os.replace(draft, target)
            return
        except PermissionError as error:
            busy = getattr(error, "winerror", None) in _WINDOWS_BUSY
            if not busy or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power loss, where the system lets folders be synced."""
    if os.name != "posix":
        return
    with suppress(OSError):  # the file is complete and in place; some file systems refuse this
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
