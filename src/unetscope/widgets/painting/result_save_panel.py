"""Save the answer in one step: what, of which images, where; a dialog only for another folder."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from unetscope.session.guidance import controls
from unetscope.session.requests import What
from unetscope.session.sections import SECTION_FIELDS
from unetscope.session.values import Scope
from unetscope.widgets.kit.arranging import column, flow, row
from unetscope.widgets.kit.fold import INDENTED, Fold
from unetscope.widgets.kit.looks import NarrowCombo, Tints, small_button
from unetscope.widgets.kit.news_card import NewsCard
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.annotation_files import News
from unetscope.workbench.folders import used_folder
from unetscope.workbench.workbench import Workbench

KINDS = {
    What.MASK: ("Mask", "The class of each pixel, as a TIFF with pixel size and colours."),
    What.OBJECTS: (
        "Objects",
        "A number for each object, as a TIFF: those of Measure where it has found some, else "
        "connected pixels of each class but the background.",
    ),
    What.PROBABILITIES: ("Probabilities", "Of each class, as a TIFF of float32 channels."),
    What.IMAGEJ: ("ROIs", "Outlines for ImageJ, as a .zip."),
    What.GEOJSON: ("GeoJSON", "Outlines for QuPath."),
}
_SCOPES = {
    Scope.IMAGE: "of this image",
    Scope.ALL: "of all open images",
    Scope.PROJECT: "of the project",
}


class ResultSavePanel(Panel):
    """The fold *Save result*: chips for what, a list for which, the folder, the button that saves.

    ``below`` is a row for other ways to save; what came of it is told below the fold.
    """

    SHOWS = SECTION_FIELDS

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work, self._saver = work, work.saver
        self._folder: Path | None = None  # as a person chose it
        self.kinds: dict[What, QPushButton] = {}
        for what, (word, tip) in KINDS.items():
            chip = small_button(word, tip)
            chip.setCheckable(True)
            chip.clicked.connect(lambda _checked: self.refresh())
            self.kinds[what] = chip
        self.kinds[What.MASK].setChecked(True)
        self.scope = NarrowCombo()
        self.scope.setAccessibleName("Of which images results are saved")
        self.scope.activated.connect(lambda _index: self.refresh())
        self.where = small_button("", "Choose another folder for results.")
        self.where.clicked.connect(lambda _checked: self._ask_folder())
        self.save_button = small_button("Save result", "")
        self.save_button.clicked.connect(lambda _checked: self._save())
        self.card = NewsCard("Saving results")
        line = QWidget()
        row(self.scope, self.save_button, owner=line, stretched=(0,)).setSpacing(4)
        self.below = flow(self.where)
        inner = QWidget()
        column(inner, flow(*self.kinds.values()), line, self.below, margins=INDENTED)
        self.fold = Fold("Save result", inner, "What, of which images, and where.")
        column(self, self.fold, self.card)
        self._saver.told.connect(self.tell)
        self._saver.failed.connect(lambda text: self.tell(News(text), failed=True))
        work.project.changed.connect(self.refresh)
        self._offer()

    def _offer(self) -> None:
        """The project can be chosen where one is open."""
        chosen = self.scope.currentData()
        there = self._work.project.opened is not None
        wanted = [scope for scope in _SCOPES if there or scope is not Scope.PROJECT]
        if [self.scope.itemData(i) for i in range(self.scope.count())] == wanted:
            return
        self.scope.clear()
        for scope in wanted:
            self.scope.addItem(_SCOPES[scope], scope)
        self.scope.setCurrentIndex(max(self.scope.findData(chosen), 0))

    @property
    def folder(self) -> Path:
        """Where files go."""
        return self._folder or self._saver.folder()

    @property
    def chosen(self) -> list[What]:
        """What is saved."""
        return [what for what, chip in self.kinds.items() if chip.isChecked()]

    def refresh(self) -> None:
        """Say where files go, and whether there is something to save."""
        self._offer()
        can = controls(self._session)
        self.save_button.setEnabled(can.save and can.predict and bool(self.chosen))
        self.save_button.setToolTip(
            "Write these files; nothing is replaced but what unetscope wrote."
            if self.chosen
            else "Choose what is to be saved."
        )
        folder = self.folder
        self.where.setText(f"into {_short(folder)} …")
        self.where.setToolTip(f"{folder}: choose another folder for results.")

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.card.set_tints(tints)

    def tell(self, news: News, *, failed: bool = False) -> None:
        """Say what came of it."""
        self.card.tell(news.text, news.notes, failed=failed)
        self.called_for.emit()

    def _save(self) -> None:
        self._saver.save(self.chosen, self.scope.currentData(), self.folder)

    def _ask_folder(self) -> None:
        title = "Where results go"
        chosen = QFileDialog.getExistingDirectory(self, title, str(self.folder))
        if chosen:
            self._folder = Path(chosen)
            used_folder("results", self._folder / "any")
            self.refresh()


def _short(folder: Path) -> str:
    """The last two names of a folder."""
    return "/".join(folder.parts[-2:]) if len(folder.parts) > 2 else str(folder)
