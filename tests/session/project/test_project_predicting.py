"""Every image of a project is answered into its folder by a real model, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from unetscope.images.claims import Claim, Role
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_labels, read_micrograph, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import start_model
from unetscope.learning.samples import Sample
from unetscope.session.engine.door import EngineDoor
from unetscope.session.engine.project_predicting import (
    ImageFailed,
    ImagePredicted,
    UpToDate,
    predicted_images,
)
from unetscope.session.engine.projects import OpenProject, scratch
from unetscope.session.project.folder import Project
from unetscope.session.requests import WriteRequest
from unetscope.session.values import EngineSettings

CLASSES = (LabelClass(1, "dark", "#0072B2"), LabelClass(2, "bright", "#E69F00"))


def halves(seed: int) -> np.ndarray:
    pixels = np.random.default_rng(seed).normal(60, 4, (64, 64))
    pixels[:, 32:] += 120
    return pixels.astype(np.uint8)


def test_masks_of_a_real_model_lie_in_the_project_and_are_made_once(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p", CLASSES)
    for name, pixels in (("a.tif", halves(0)), ("c.tif", halves(1)), ("b.tif", halves(2))):
        write_micrograph(Micrograph(pixels, "yx", (0.5, 0.5), "nm"), tmp_path / name)
        project.add_image(tmp_path / name)
    project.save()
    (tmp_path / "c.tif").unlink()
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 4:20], labels[:, 44:60] = 1, 2
    sample = Sample(read_micrograph(tmp_path / "a.tif"), labels, "a")
    model = fit_instant(start_model("general-fast"), [sample], classes=CLASSES, device="cpu")
    jobs = EngineDoor(EngineSettings(device="cpu", threads=1))

    def predict(image: Micrograph, path: Path, inputs: tuple[Path, ...]) -> Any:
        return jobs.do(WriteRequest(model, image, path, Claim(Role.PREDICTION, inputs)))

    def run(opened: OpenProject) -> list[Any]:
        told = []
        for event in predicted_images(scratch(opened.project), model.fingerprint, predict):
            told.append(event)
            if isinstance(event, ImagePredicted):
                opened.take_prediction(event.image_id, event.prediction)
        return [one for one in told if isinstance(one, ImagePredicted | UpToDate | ImageFailed)]

    opened = OpenProject(project.folder)
    first, second = run(opened), run(opened)
    files = [one.prediction.file for one in first if isinstance(one, ImagePredicted)]
    opened.close()
    assert [type(one) for one in first] == [ImagePredicted, ImageFailed, ImagePredicted]
    assert [type(one) for one in second] == [UpToDate, ImageFailed, UpToDate]
    assert files == ["predictions/0001-a.ome.tif", "predictions/0003-b.ome.tif"]
    for name in files:
        mask = read_labels(project.folder / name)
        assert (mask[:, :24] == 1).mean() > 0.9 and (mask[:, 40:] == 2).mean() > 0.9
        assert read_micrograph(project.folder / name).pixel_size == (0.5, 0.5)
