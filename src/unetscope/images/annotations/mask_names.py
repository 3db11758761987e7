"""Which file is a mask, and of which image: by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unetscope.errors import AnnotationError
from unetscope.images.claims import Role, mark_of

MASK_SUFFIXES = (".tif", ".tiff", ".png", ".bmp")

# What is written before or behind an image's name to say "this is its mask" ...
_MASK_WORDS = (
    "annotations?|annotated|annot|binary|class(?:es)?|cp[-_ ]?masks?|gt|ground[-_ ]?truth|"
    "instances?|labels?|labell?ed|lbl|masks?|msk|object[-_ ]?predictions?|pred(?:icted)?|"
    "predictions?|seg(?:mented)?|(?:simple[-_ ]?)?segmentations?|strokes|truth"
)
# ... or "this was computed from it".
_RESULT_WORDS = (
    f"{_MASK_WORDS}|cp[-_ ]?(?:flows|outlines|output)|flows|outlines|overlay|probabilit(?:y|ies)|"
    "probs?|uncertainty"
)


def _around(words: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds such words behind and before a name."""
    behind = rf"(?:[-_. ]+\(?(?:{words})\)?)+$"
    return re.compile(behind, re.IGNORECASE), re.compile(
        rf"^(?:(?:{words})[-_. ]+)+", re.IGNORECASE
    )


_AROUND_MASKS, _AROUND_RESULTS = _around(_MASK_WORDS), _around(_RESULT_WORDS)


_ENDINGS = re.compile(r"\.(?:ome\.)?(?:tiff?|png|bmp|jpe?g|zarr)$", re.IGNORECASE)


@dataclass(frozen=True)
class MaskMatches:
    """Which mask belongs to which image, by name.

    ``pairs`` are (image, mask); ``ambiguous`` names the masks of each image that has more than one.
    """

    pairs: tuple[tuple[Path, Path], ...]
    images_without_mask: tuple[Path, ...]
    masks_without_image: tuple[Path, ...]
    ambiguous: tuple[tuple[Path, tuple[Path, ...]], ...]

    @property
    def report(self) -> str:
        """What matched and what did not, in a few words."""
        parts = [f"{len(self.pairs)} masks matched by name"]
        if self.images_without_mask:
            parts.append(f"{_listed(self.images_without_mask)} without a mask")
        if self.masks_without_image:
            parts.append(f"{_listed(self.masks_without_image)} without an image")
        for image, masks in self.ambiguous[:3]:
            parts.append(f"{image.name} has {_listed(masks)}")
        return "; ".join(parts)


def match_masks(images: Sequence[str | Path], folder: str | Path) -> MaskMatches:
    """Match the masks in ``folder`` with ``images`` by name.

    Suffixes and words such as ``_mask``, ``-labels`` or ``gt_`` do not count; upper and lower case
    only where a name of the same case is there. If a folder holds the image itself beside its mask,
    the one with such a word is the mask.

    Raises
    ------
    AnnotationError
        If ``folder`` is not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AnnotationError(f"{folder} is not a folder; choose the one that holds the masks")
    wanted = [Path(image) for image in images]
    own = {image.resolve() for image in wanted}
    masks = sorted(
        file
        for file in folder.iterdir()
        if _may_be_mask(file) and not file.name.startswith(".") and file.resolve() not in own
    )
    found = _found(wanted, masks)
    taken = {mask for candidates in found.values() for mask in candidates}
    return MaskMatches(
        tuple((image, masks[0]) for image, masks in found.items() if len(masks) == 1),
        tuple(image for image, masks in found.items() if not masks),
        tuple(mask for mask in masks if mask not in taken),
        tuple((image, tuple(masks)) for image, masks in found.items() if len(masks) > 1),
    )


def _may_be_mask(file: Path) -> bool:
    if file.suffix.lower() == ".zarr":
        return file.is_dir()
    return file.suffix.lower() in MASK_SUFFIXES and file.is_file()


def _found(images: Sequence[Path], masks: Sequence[Path]) -> dict[Path, list[Path]]:
    """The masks of each image: of its name as it is, or else in another case."""
    exact: dict[str, list[Path]] = {}
    folded: dict[str, list[Path]] = {}
    names = {_bare_name(image.name) for image in images}
    for mask in masks:
        name = _bare_name(mask.name)
        exact.setdefault(name, []).append(mask)
        if name not in names:
            folded.setdefault(name.casefold(), []).append(mask)
    found = {}
    for image in images:
        name = _bare_name(image.name)
        candidates = exact.get(name) or folded.get(name.casefold(), [])
        worded = [mask for mask in candidates if _bare_name(mask.name) != _stem(mask.name)]
        found[image] = worded or candidates
    return found


def looks_like_labels(path: str | Path, siblings: Iterable[str | Path]) -> bool:
    """Whether a file is the mask or the result of an image rather than an image of its own.

    It is one if unetscope wrote it as labels, prediction or probabilities, or if one of its
    ``siblings`` (files that lie beside it or were given with it) is called like it but for words
    such as ``_labels``, ``_cp_masks``, ``-mask``, ``_seg``, ``gt_`` or ``_probabilities``. A file
    that is merely called ``mask.tif`` or ``cells_mask.tif``, with no ``cells`` beside it, is not:
    it may be all that there is.
    """
    path = Path(path)
    if (path.is_file() or path.is_dir()) and mark_of(path) in _RESULT_ROLES:
        return True
    stem = _stem(path.name).casefold()
    bare = _bare_name(path.name, _AROUND_RESULTS).casefold()
    return bare != stem and any(_stem(Path(other).name).casefold() == bare for other in siblings)


_RESULT_ROLES = (Role.LABELS, Role.PREDICTION, Role.PROBABILITIES)


def _stem(name: str) -> str:
    """The name without its suffix, in composed letters."""
    return _ENDINGS.sub("", unicodedata.normalize("NFC", name))


def _bare_name(name: str, around: tuple[re.Pattern[str], re.Pattern[str]] = _AROUND_MASKS) -> str:
    """The stem without words for masks; what is nothing else keeps them."""
    behind, before = around
    stem = _stem(name)
    bare = before.sub("", behind.sub("", stem))
    return _ENDINGS.sub("", bare) if bare and bare != stem else stem  # of "a.tif_mask.png"


def is_called_mask(name: str) -> bool:
    """Whether a name says that what it names is a mask: "a_labels.zarr", "mask"."""
    stem = _stem(name.strip())
    return _bare_name(stem) != stem or re.fullmatch(_MASK_WORDS, stem.lower()) is not None


def _listed(files: Sequence[Path]) -> str:
    named = ", ".join(file.name for file in files[:3])
    return f"{len(files)} ({named}{', …' if len(files) > 3 else ''})"


def says_what_it_is(path: Path) -> bool:
    """Whether unetscope wrote a mask: its numbers are classes then, and 0 is unlabelled."""
    return mark_of(path) in _RESULT_ROLES
