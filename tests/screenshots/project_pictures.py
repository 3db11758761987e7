"""Pictures of a project with images in different states, and of the import of a mask."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from windows import SIZE, pump, shoot, wait_until

from unetscope.widgets.painting.annotation_panel import AnnotationPanel

LIMIT_KB = 400
NAMES = tuple(f"nuclei-{number}.tif" for number in range(1, 6))
ON_SCREEN, MISSING = "0003", "nuclei-5.tif"


def take(folder: Path) -> None:
    """Open a project of synthetic nuclei, and import a mask of the values 0 and 255 into it."""
    import napari

    from unetscope.cli.demo.window import PANEL, PLUGIN

    with tempfile.TemporaryDirectory() as place:
        project, mask = _made(Path(place))
        viewer = napari.Viewer(show=True, title="napari")
        viewer.window.resize(*SIZE)
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
        panel.bench.project.open(project)
        session = panel.session
        wait_until(lambda: session.image is not None and session.model is not None)
        wait_until(lambda: session.model.model.can_answer and not session.answering)
        viewer.reset_view()
        shoot(viewer, folder / "project.png", limit_kb=LIMIT_KB)

        panel.bench.project.images.go_to("0004")
        wait_until(lambda: session.image is not None and session.image.name == NAMES[3])
        panel.bench.annotations.import_from(mask)
        labels = panel.part(AnnotationPanel)
        wait_until(labels.question.isVisible)
        wait_until(lambda: not session.answering)
        viewer.reset_view()
        pump(0.5)
        _scroll_to(labels)
        shoot(viewer, folder / "import.png", limit_kb=LIMIT_KB)
        panel.shut_down()
        viewer.close()


def _made(place: Path) -> tuple[Path, Path]:
    """A project of five images, one of them gone, and a mask of the fourth."""
    from unetscope.cli.demo.pictures import synthetic
    from unetscope.images.files import write_micrograph
    from unetscope.session.project.folder import Project

    made = [synthetic("nuclei", seed=seed) for seed in range(len(NAMES))]
    project = Project.create(place / "nuclei", made[0].classes)
    for name, picture in zip(NAMES, made, strict=True):
        write_micrograph(picture.image, place / name)
        project.add_image(place / name)
    for image_id, picture in zip(("0001", "0002", ON_SCREEN), made, strict=False):
        project.save_labels(image_id, picture.labels)
    project.mark("0001", predicted_by=0, reviewed=True)
    project.mark("0002", predicted_by=0)
    project.set_settings({"last_image": ON_SCREEN})
    project.save()
    (place / MISSING).unlink()
    mask = place / "nuclei-4_mask.png"
    truth = made[3].truth
    pixels = np.where(truth == truth.max(), 255, 0).astype(np.uint8)
    Image.fromarray(pixels).save(mask)  # as another program writes it
    return project.folder, mask


def _scroll_to(widget: Any) -> None:
    """Show a widget of the panel that lies below what is seen."""
    from qtpy.QtWidgets import QScrollArea

    parent = widget.parentWidget()
    while not isinstance(parent, QScrollArea):
        parent = parent.parentWidget()
    parent.ensureWidgetVisible(widget)
