"""What project.json says, as frozen values, and its strict reading.

Unknown keys, repeated keys, other types and numbers that are not finite are refused, so that a file
that was opened can be written again without losing anything.
"""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter

from unetscope.errors import ProjectError
from unetscope.images.classes import LabelClass
from unetscope.learning.check_box import CheckBox
from unetscope.session.kept_boxes import KeptBox

SUFFIX = ".unetproject"
FILE = "project.json"
SCHEMA = "unetscope.project/1"
_SCHEMA_NAME, _SCHEMA_MAJOR = SCHEMA.split("/")
MOST_BYTES = 64 * 2**20
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_Scalar = bool | int | float | str | None
# Files of a project lie in it: a name that leads out of its folder is never opened.
_LabelsName = Annotated[str, StringConstraints(pattern=r"^labels/[\w-]+(\.ome\.tif|\.zarr)$")]
_PredictionName = Annotated[str, StringConstraints(pattern=r"^predictions/[\w-]+\.ome\.tif$")]
_ModelName = Annotated[str, StringConstraints(pattern=r"^models/[\w-]+\.unetscope$")]
_Size = Annotated[int, Field(ge=1)]
_Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Prediction:
    """The answer to a whole image: its file, the ``model`` that gave it, and for which content.

    ``shares``: class value -> share of the pixels. ``low``, ``high``: grey range by channel.
    """

    __pydantic_config__ = _STRICT

    file: _PredictionName
    model: str
    content: str
    shares: dict[str, float] = field(default_factory=dict)
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class SetAside:
    """Labels of pixels that an image's file had before, known by their hash."""

    __pydantic_config__ = _STRICT

    content: str
    labels: _LabelsName
    painted_px: _Count


@dataclass(frozen=True)
class ImageEntry:
    """An image of the project, which stays where it is.

    ``path`` is relative to the project folder where that is possible, with ``/``; ``last_seen`` is
    the absolute path, tried when the folder was moved alone. ``bytes`` and ``modified_ns`` tell
    without reading whether it may have changed, ``content`` is the hash that decides. ``shape`` is
    along ``axes``. ``labels`` is the file of its labels in the project folder; those of
    pixels that the file had before are ``set_aside``.
    """

    __pydantic_config__ = _STRICT

    id: Annotated[str, StringConstraints(pattern=r"^[\w-]+$")]
    name: str
    path: str
    last_seen: str
    bytes: _Count
    modified_ns: int
    content: str
    axes: str
    shape: tuple[_Size, ...]
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    answers: dict[str, str] = field(default_factory=dict)  # what its file does not say
    labels: _LabelsName | None = None
    painted_px: _Count = 0
    set_aside: tuple[SetAside, ...] = ()
    prediction: Prediction | None = None
    predicted_by: int | None = None  # number of the model that predicted it last
    reviewed: bool = False
    boxes: tuple[KeptBox, ...] = ()  # kept out of learning, to check answers by

    @property
    def check_boxes(self) -> tuple[CheckBox, ...]:
        """Where the check boxes are."""
        return tuple(kept.box for kept in self.boxes)


@dataclass(frozen=True)
class ModelEntry:
    """A version of the model: its number, its file, what made it and when (ISO 8601)."""

    __pydantic_config__ = _STRICT

    number: _Size
    file: _ModelName
    sha256: str
    note: str
    made_at: str


@dataclass(frozen=True)
class TrainingEntry:
    """One training that was run: when, how long, from which images, and how it scored."""

    __pydantic_config__ = _STRICT

    made_at: str
    seconds: float
    epochs: _Count
    reason: str = ""
    device: str = ""
    model: int | None = None  # number of the model it gave
    images: tuple[str, ...] = ()  # ids
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ProjectRecord:
    """All that project.json says; ``revision`` grows by one with every saving."""

    __pydantic_config__ = _STRICT

    schema: str
    name: str
    made_at: str
    saved_at: str
    revision: _Count = 0
    classes: tuple[LabelClass, ...] = ()
    images: tuple[ImageEntry, ...] = ()
    models: tuple[ModelEntry, ...] = ()
    current_model: int | None = None
    history: tuple[TrainingEntry, ...] = ()
    settings: dict[str, _Scalar] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)  # for files that ask the same


@cache
def _adapter() -> TypeAdapter[ProjectRecord]:
    return TypeAdapter(ProjectRecord)


def record_text(record: ProjectRecord) -> str:
    """``record`` as the text of project.json."""
    return json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_record(folder: Path) -> ProjectRecord:
    """What the project in ``folder`` says.

    Raises
    ------
    ProjectError
        If there is no project, it is damaged, or of a newer version.
    """
    file = folder / FILE
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a device has no end
            raise ProjectError(f"{file} is no file; put back a copy of it from a backup")
        with open(file, "rb") as opened:
            text = opened.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ProjectError(f"{file} is larger than {MOST_BYTES} bytes, which no project is")
        return parsed_record(text, str(file))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ProjectError(
            f"{folder} is no project: there is no {FILE} in it; choose a folder that ends in "
            f"{SUFFIX}"
        ) from error
    except OSError as error:
        raise ProjectError(f"{file} cannot be read: {error.strerror}; check it") from error


def parsed_record(text: bytes, where: str) -> ProjectRecord:
    """The record that ``text`` holds.

    Raises
    ------
    ProjectError
        If it is damaged, of a newer version, or does not fit together; ``where`` names the file.
    """
    try:
        content = json.loads(text, object_pairs_hook=_unique)
        _check_schema(content, where)
        record = _adapter().validate_json(text)
        _check_fit(record)
    except ProjectError:
        raise
    except (ValueError, RecursionError) as error:  # pydantic's and json's errors are ValueErrors
        raise ProjectError(
            f"{where} is damaged ({_first_line(error)}); put back a copy of it from a backup"
        ) from error
    return record


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f"the key {repeated[0]!r} occurs twice")
    return dict(pairs)


def _check_schema(content: Any, where: str) -> None:
    schema = str(content.get("schema")) if isinstance(content, dict) else "none"
    told = re.fullmatch(rf"{re.escape(_SCHEMA_NAME)}/(\d+)", schema)
    if told is None:
        raise ValueError(f"its schema is {schema[:60]!r}, not {SCHEMA!r}")
    if told[1] != _SCHEMA_MAJOR:
        raise ProjectError(
            f"{where} has the version {schema!r}, this unetscope reads {SCHEMA!r}; update unetscope"
        )


def _check_fit(record: ProjectRecord) -> None:
    """ValueError if numbers occur twice or lead nowhere."""
    for what, keys in (
        ("image", [image.id for image in record.images]),
        ("class", [label_class.value for label_class in record.classes]),
        ("model", [model.number for model in record.models]),
    ):
        if len(set(keys)) != len(keys):
            raise ValueError(f"a number of a {what} occurs twice in {keys[:20]}")
    for label_class in record.classes:
        if not 1 <= label_class.value <= 65535:
            raise ValueError(f"a class has the value {label_class.value}, not 1 to 65535")
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", label_class.color):
            raise ValueError(f"a class has the colour {label_class.color[:20]!r}, not #RRGGBB")
    for image in record.images:
        if len(image.axes) != len(image.shape):
            raise ValueError(f"image {image.id} has axes {image.axes!r} and shape {image.shape}")
    numbers = {model.number for model in record.models}
    if record.current_model is not None and record.current_model not in numbers:
        raise ValueError(f"the current model {record.current_model} is none of its models")


def _first_line(error: Exception) -> str:
    """The place and reason of the first fault, without the advertising of the libraries."""
    found = getattr(error, "errors", None)
    if callable(found):
        first = found()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
