"""A network that learned from one material, asked about others: what it says, and what warns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unetscope.images.micrograph import Micrograph
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.instantly import Segmenter, mean_dice_of
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Drawn, Picture, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from unetscope.images import synthetic
    from unetscope.learning import surprise
    from unetscope.learning.samples import make_samples
    from unetscope.pretraining import strokes
else:
    samples = Lazily("unetscope.learning.samples")
    strokes = Lazily("unetscope.pretraining.strokes")
    surprise = Lazily("unetscope.learning.surprise")
    synthetic = Lazily("unetscope.images.synthetic")

    def make_samples(*given: Any) -> Any:
        """The real one, imported when it is called."""
        return samples.make_samples(*given)


_OTHERS = ("grains", "membranes", "nanoparticles", "nuclei", "fibres", "textures")
_SIDE = 192
#: Name, mean confidence, share called the second class, how unlike, and the warning.
_Row = tuple[str, float, float, float, str]
_FIRST, _UNSEEN = 50, 100  # seeds of what is learned from and of what is asked


@verb
def other_material(
    bench: Bench,
    *,
    kind: Literal["nuclei", "grains", "nanoparticles"] = "nuclei",
    images: Annotated[int, Field(ge=4, le=12)] = 6,
) -> Experiment:
    """Five strokes a class on some images of one kind; asked unseen ones, and other kinds.

    How unlike an image is to what was learned from is judged as when one paints (Sun and others
    2022). One's own image is asked as well.

    Facts: ``dice`` (mean over classes, of unseen images of the kind), ``sure`` and ``sure_others``
    (mean confidence on these and on other kinds), ``names``, ``called`` (share called the second
    class, ``wanted``) and ``scores`` (above 1: unlike) of every other image, ``flagged`` of
    ``others`` and ``false_alarms`` of ``unseen`` images.
    """
    seeds = [_FIRST + 20 * bench.seed + number for number in range(images)]
    learned = [synthetic.SYNTHETIC[kind]((_SIDE, _SIDE), seed=seed) for seed in seeds]
    painted = [
        strokes.simulate_strokes(one.labels, per_class=5, seed=seed)
        for one, seed in zip(learned, seeds, strict=True)
    ]
    yield Working("Learning from strokes", 0, 2)
    shown = [one.image for one in learned]
    learner = Segmenter("general-fast", "cpu", bench.seed).fit_instant(shown, painted)
    yield Working("Learning from strokes", 1, 2)
    model = learner.model_
    familiar = surprise.familiar_with(model, make_samples(shown, painted))
    model = model.with_provenance(familiar=familiar)
    unseen = [synthetic.SYNTHETIC[kind]((_SIDE, _SIDE), seed=_UNSEEN + n) for n in range(3)]
    asked = [(kind, one.image) for one in unseen] + _of_other_kinds(kind, bench)
    rows: list[_Row] = []
    answers = []
    for number, (name, image) in enumerate(asked, 1):
        chance = learner.predict_proba(image)
        answers.append(chance.argmax(axis=0) + 1)
        said = surprise.surprise_of(model, image)
        assert said is not None  # it was told what it learned from
        sure, called = float(chance.max(axis=0).mean()), float((answers[-1] == 2).mean())
        rows.append((name, sure, called, said.score, said.unlike))
        yield Working("Asking about other material", number, len(asked))
    same, others = rows[: len(unseen)], rows[len(unseen) :]
    seen = len(asked) - 1 if bench.laid.own else len(unseen)
    name, image = asked[seen]
    where: Any = {"scale": (1, 1), "translate": (0, 0), "beside": True}
    if bench.laid.own:
        where = dict(placed(bench.laid))
    dice = [mean_dice_of(one.labels, answers[n]) for n, one in enumerate(unseen)]
    facts = _in_numbers(same, others)
    facts |= {"dice": float(np.mean(dice)), "wanted": learned[0].class_names[1]}
    yield Shown(
        title="What it says of other material",
        kind="empirical",
        pictures=(
            Picture("other", name, np.asarray(image.pixels, dtype=np.float32), **where),
            Picture("answer", "its answer", answers[seen], **where, drawn=Drawn.LABELS),
        ),
        table=Table(("image", "sure", "called", "unlike", "warning"), tuple(rows)),
        facts=facts,
    )


def _of_other_kinds(kind: str, bench: Bench) -> list[tuple[str, Micrograph]]:
    """An image of every other kind, and one's own."""
    found = [
        (name, synthetic.SYNTHETIC[name]((_SIDE, _SIDE), seed=_UNSEEN).image)
        for name in _OTHERS
        if name != kind
    ]
    if bench.laid.own:
        found.append((bench.laid.name, Micrograph(bench.laid.grey, "yx", name=bench.laid.name)))
    return found


def _in_numbers(same: list[_Row], others: list[_Row]) -> dict[str, Any]:
    """What was said of unseen images of the kind, and of others."""
    return {
        "sure": float(np.mean([row[1] for row in same])),
        "sure_others": float(np.mean([row[1] for row in others])),
        "names": [row[0] for row in others],
        "called": [row[2] for row in others],
        "scores": [row[3] for row in others],
        "flagged": sum(bool(row[4]) for row in others),
        "others": len(others),
        "false_alarms": sum(bool(row[4]) for row in same),
        "unseen": len(same),
    }
