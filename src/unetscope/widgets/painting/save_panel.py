"""The end of the work: what is measured and saved of the answer and of the strokes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog

from unetscope.session.sections import SECTION_FIELDS, Section, next_section
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import Tints, fill_button, offer, small_button
from unetscope.widgets.kit.news_card import NewsCard
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.annotation_files import News
from unetscope.workbench.folders import start_folder, used_folder
from unetscope.workbench.workbench import Workbench

#: format -> (words, suffix)
EXPORTS = {
    "mask": ("Mask (TIFF) …", ".tif"),
    "imagej": ("ImageJ ROIs …", ".zip"),
    "coco": ("COCO …", ".json"),
    "geojson": ("GeoJSON (QuPath) …", ".geojson"),
    "ome-zarr": ("OME-Zarr labels …", ".zarr"),
}
#: what is saved of the answer: format -> (words, suffix)
RESULTS = {
    "mask": ("Mask of classes (TIFF) …", ".tif"),
    "ome-zarr": ("Mask of classes (OME-Zarr) …", ".zarr"),
    "imagej": ("Outlines as ImageJ ROIs …", ".zip"),
    "geojson": ("Outlines as GeoJSON (QuPath) …", ".geojson"),
    "probabilities": ("Probability of each class (TIFF) …", ".tif"),
}


class SavePanel(Panel):
    """Buttons that open *Measure* and save strokes, and a card for what came of it.

    ``save_button`` stands where its holder puts it.
    """

    SHOWS = SECTION_FIELDS

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._files = work.annotations
        self._image = work.session.image
        self._tints: Tints | None = None
        self.measure_button = small_button(
            "Measure …", "Find objects and read their numbers, in a panel of its own."
        )
        self.measure_button.clicked.connect(lambda _checked: self.dock_wanted.emit("Measure"))
        self.save_button = small_button(
            "Save as ▾",
            "Write the answer to this image under a name of your own, also as OME-Zarr.",
        )
        self.export_button = small_button(
            "Save painted labels ▾",
            "Write what you have painted on this image, and only that, for other programs.",
        )
        self._make_menus()
        self.card = NewsCard("Saving")
        column(self, flow(self.measure_button, self.export_button), self.card)
        self._files.written.connect(self.tell)
        self._files.not_written.connect(lambda text: self.tell(News(text), failed=True))

    def _make_menus(self) -> None:
        ways = (
            (self.export_button, EXPORTS, "labels", self._files.export_to),
            (self.save_button, RESULTS, "mask", self._files.save_result),
        )
        for button, formats, what, save in ways:
            offer(
                button,
                [
                    (words, partial(self._ask_target, format, words, suffix, what, save))
                    for format, (words, suffix) in formats.items()
                ],
            )

    def refresh(self) -> None:
        """Buttons can be pressed where there is an image."""
        session = self._session
        for button in (self.measure_button, self.save_button, self.export_button):
            button.setEnabled(session.image is not None)
        fill_button(self.measure_button, self._tints, on=next_section(session) is Section.SAVE)
        if session.image is not self._image:
            self.card.dismiss()  # what came of another image is no news any more
        self._image = session.image

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.card.set_tints(tints)
        self.refresh()

    def tell(self, news: News, *, failed: bool = False) -> None:
        """Say what came of it."""
        self.card.tell(news.text, news.notes, failed=failed)
        self.called_for.emit()

    def _ask_target(self, format: str, words: str, suffix: str, what: str, save: Any) -> None:
        """Ask for a name, beside the image or where the last one was saved."""
        image = self._session.image
        if image is None:
            return
        named = format if format == "probabilities" else what
        name = f"{Path(image.name).stem}_{named}{suffix}"
        start = start_folder(what, self._files.image_file()) / name
        kind = f"{words.removesuffix(' …')} (*{suffix})"
        title = "Save the result" if what == "mask" else "Save painted labels"
        chosen, _ = QFileDialog.getSaveFileName(self, title, str(start), kind)
        if chosen:
            path = Path(chosen)
            used_folder(what, path)
            # The dialog has asked whether the file of that very name is to be replaced.
            agreed = path.is_file() and path.suffix.lower() == suffix
            save(path if path.suffix else path.with_suffix(suffix), format, agreed)
