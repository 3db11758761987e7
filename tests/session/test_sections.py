"""What the heads of the five sections say, which are open, and where the next step is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from unetscope.learning.events import Validation
from unetscope.session.sections import Section, head_words, next_section, open_sections
from unetscope.session.state import Session
from unetscope.session.values import (
    ImageSummary,
    ModelInUse,
    Phase,
    PredictionStatus,
    TrainingStatus,
)

IMAGE = ImageSummary("k", "nerve", "yx", (384, 512), 1, False, (4.0, 4.0), "nm", choices=("yx",))
PAINTED = {1: 200, 2: 212}


def session(*, answers: bool = False, weight: float = 0.0, **fields: Any) -> Session:
    model: Any = SimpleNamespace(
        can_answer=answers, channels=1, network_weight=weight, classes=(1, 2)[: 2 * answers]
    )
    made = Session(image=IMAGE, model=ModelInUse(3, "General, fast", model))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def trained(dice: float = 0.9) -> TrainingStatus:
    scores = dict.fromkeys(PAINTED, dice)
    held = Validation(
        scores, scores, 0.2, 1800, "block", dict.fromkeys(scores, 4), dict.fromkeys(scores, 900)
    )
    return TrainingStatus(
        epoch=20, seconds=30.2, reason="time", validation=held, painted=dict(PAINTED)
    )


@pytest.mark.parametrize(
    ("fields", "section", "said"),
    [
        ({"image": None}, Section.IMAGE, ""),
        ({}, Section.IMAGE, "nerve · 512 × 384 · 4 nm/px"),
        (
            {"image": replace(IMAGE, pixel_size=None)},
            Section.IMAGE,
            "nerve · 512 × 384 · no pixel size",
        ),
        ({}, Section.PAINT, ""),
        ({"painted": {1: 5}}, Section.PAINT, "1 class · 5 px"),
        ({"painted": {1: 1200, 2: 34, 3: 0}}, Section.PAINT, "2 classes · 1,234 px"),
        ({"model": None, "opening_model": "tio2"}, Section.LEARN, "opening tio2 …"),
        ({}, Section.LEARN, "General, fast"),
        ({"answers": True, "seen": frozenset("k")}, Section.LEARN, "instant, not trained"),
        ({"training": TrainingStatus(Phase.STARTING)}, Section.LEARN, "getting ready …"),
        (
            {"training": TrainingStatus(Phase.RUNNING, epoch=3, seconds=12)},
            Section.LEARN,
            "epoch 3, 12 s",
        ),
        ({"training": trained()}, Section.LEARN, "trained 30 s · 0.90 on 8 held-back strokes"),
        ({}, Section.RESULT, ""),
        (
            {"answers": True, "seen": frozenset("k")},
            Section.RESULT,
            "instant answer · 2 classes",
        ),
        ({"prediction": PredictionStatus(True, "a", 3, 9)}, Section.RESULT, "3 of 9 tiles"),
        (
            {"answers": True, "seen": frozenset("k"), "predicted": {"k": 3}},
            Section.RESULT,
            "this image predicted · 2 classes",
        ),
        ({}, Section.SAVE, ""),
        ({"outcomes": {"k": "saved a.tif", "l": "no"}}, Section.SAVE, "saved a.tif"),
    ],
)
def test_a_head_says_what_is_known_of_its_section(
    fields: dict[str, Any], section: Section, said: str
) -> None:
    assert head_words(session(**fields), section).text == said


def test_the_next_step_goes_from_the_top_to_the_bottom_and_back_with_a_new_stroke() -> None:
    made = session(image=None)
    assert next_section(made) is Section.IMAGE
    made = session()
    assert next_section(made) is Section.PAINT
    made = session(answers=True, painted=PAINTED)
    assert next_section(made) is Section.LEARN
    made.training = TrainingStatus(Phase.RUNNING)
    assert next_section(made) is Section.LEARN
    made.training = trained()
    assert next_section(made) is Section.RESULT
    made.prediction = PredictionStatus(busy=True)
    assert next_section(made) is Section.RESULT
    made.prediction, made.predicted = PredictionStatus(), {"k": 3}
    assert next_section(made) is Section.SAVE
    made.painted = {**PAINTED, 2: 300}  # the head learns it, so another model answers
    assert made.model is not None
    made.model = replace(made.model, serial=4)
    assert next_section(made) is Section.LEARN


def test_a_weak_class_sends_back_to_painting_and_a_loaded_model_straight_to_predict() -> None:
    made = session(answers=True, painted=PAINTED, training=trained(dice=0.4))
    assert next_section(made) is Section.PAINT
    made = session(answers=True)
    assert made.model is not None
    made.model = replace(made.model, saved=True)
    assert next_section(made) is Section.RESULT


def test_a_section_opens_when_there_is_something_to_do_in_it() -> None:
    assert open_sections(session(image=None)) == {Section.IMAGE}
    made = session(answers=True, painted=PAINTED)
    assert open_sections(made) == {Section.PAINT, Section.LEARN}
    made.image = replace(IMAGE, choices=("zyx", "cyx"))
    assert Section.IMAGE not in open_sections(made), "it was painted on as it is read"
    assert Section.IMAGE in open_sections(session(image=made.image)), "somebody has to say it"
    made.seen = frozenset("k")
    assert Section.RESULT in open_sections(made) and Section.SAVE not in open_sections(made)
    made.predicted = {"k": 3}
    assert Section.SAVE in open_sections(made)
