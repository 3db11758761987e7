"""Labels in, labels and results out: buttons, and a card for questions and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from unetscope.images.annotations.mask_names import MASK_SUFFIXES
from unetscope.images.annotations.masks import ValueProposal
from unetscope.images.annotations.values import (
    plain_text,
)
from unetscope.images.classes import LabelClass
from unetscope.session.engine.annotation_jobs import AnswerWanted, MeaningsWanted
from unetscope.session.state import Session
from unetscope.widgets.kit.asking import QuestionCard
from unetscope.widgets.kit.looks import NarrowCombo, Tints, quiet, small_button
from unetscope.workbench.annotation_files import News
from unetscope.workbench.folders import start_folder, used_folder

_FILES = " ".join(f"*{suffix}" for suffix in (*MASK_SUFFIXES, ".zip", ".roi", ".json", ".geojson"))
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
_MOST_ROWS = 8
_MOST_LETTERS = 200  # of notes that are shown at once


class AnnotationPanel(QWidget):
    """``imported(path)``, ``exported(path, format, overwrite)`` of what is painted and ``saved``,
    the same of the answer, are asked for.

    ``confirmed(question, class of each value)`` and ``answered(question, value)`` answer
    :meth:`ask`; ``asked_again(import)`` wants answers forgotten that were taken again.
    """

    imported = Signal(object)
    exported = Signal(object, str, bool)
    saved = Signal(object, str, bool)
    confirmed = Signal(object, object)
    answered = Signal(object, str)
    asked_again = Signal(object)

    def __init__(self, session: Session, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tints = session, tints
        self._asked: MeaningsWanted | AnswerWanted | None = None
        self._told = News("")
        self._groups: list[tuple[tuple[ValueProposal, ...], NarrowCombo]] = []
        self._failed = False
        self.import_button = small_button(
            "Import labels ▾", "Masks, ImageJ ROIs, COCO, GeoJSON or OME-Zarr of this image."
        )
        self.export_button = small_button(
            "Save painted labels ▾",
            "Write what you have painted on this image, and only that, for other programs.",
        )
        self.save_button = small_button(
            "Save result ▾", "Write the answer of the model to the whole of this image."
        )
        self.image_file: Callable[[], Path | None] = lambda: None
        self.import_button.setMenu(self._import_menu())
        self.export_button.setMenu(
            self._save_menu(self.export_button, EXPORTS, "labels", self.exported)
        )
        self.save_button.setMenu(self._save_menu(self.save_button, RESULTS, "mask", self.saved))
        self.card, self.note = QFrame(), quiet(QLabel())
        self.note.setAccessibleName("Import and export of labels")
        self.note.setTextFormat(Qt.TextFormat.PlainText)  # names of files and classes are in it
        self.question = QuestionCard(tints)
        self.question.answered.connect(lambda _question, value: self._answer(value))
        self.question.put_off.connect(lambda _question: self.dismiss())
        self.details_button = small_button("Details", "All that was left out or changed.")
        self.details_button.clicked.connect(lambda _checked: self._show_details())
        self.again_button = small_button("Ask again", "Import it anew, with another answer.")
        self.again_button.clicked.connect(lambda _checked: self._ask_again())
        self._rows = QWidget()
        self._rows.setObjectName("meanings")
        self.form = QFormLayout(self._rows)
        self.confirm_button = small_button("Import", "Import the mask with these classes.")
        self.cancel_button = small_button("Close", "Close this note.")
        self.confirm_button.clicked.connect(lambda _checked: self._confirm())
        self.cancel_button.clicked.connect(lambda _checked: self.dismiss())
        self._lay_out()
        self.set_tints(tints)
        self.dismiss()

    def _lay_out(self) -> None:
        buttons = QFlowLayout()
        for button in (self.save_button, self.export_button, self.import_button):
            buttons.addWidget(button)
        self.form.setContentsMargins(0, 0, 0, 0)
        answers = QFlowLayout()
        answers.setContentsMargins(0, 0, 0, 0)
        for button in (
            self.details_button,
            self.again_button,
            self.confirm_button,
            self.cancel_button,
        ):
            answers.addWidget(button)
        inside = QVBoxLayout(self.card)
        inside.setContentsMargins(8, 6, 6, 6)
        inside.addWidget(self.note)
        inside.addWidget(self._rows)
        inside.addLayout(answers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.card)
        layout.addWidget(self.question)

    def _import_menu(self) -> QMenu:
        menu = QMenu(self.import_button)
        for words, call in (
            ("From a file …", self._ask_file),
            ("From a folder of masks, or OME-Zarr …", self._ask_folder),
        ):
            action = menu.addAction(words)
            assert action is not None
            action.triggered.connect(lambda _=False, ask=call: ask())
        return menu

    def _save_menu(
        self, button: QPushButton, formats: Mapping[str, tuple[str, str]], what: str, signal: Any
    ) -> QMenu:
        menu = QMenu(button)
        for format, (words, suffix) in formats.items():
            action = menu.addAction(words)
            assert action is not None
            action.triggered.connect(partial(self._ask_target, format, words, suffix, what, signal))
        return menu

    def refresh(self) -> None:
        """Buttons can be pressed where there is an image."""
        there = self._session.image is not None
        self.import_button.setEnabled(there)
        self.export_button.setEnabled(there)
        self.save_button.setEnabled(there)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.question.set_tints(tints)
        color = tints.error if self._failed else tints.busy
        self.card.setStyleSheet(
            f"QFrame {{ background: {tints.card}; border: none; "
            f"border-left: 4px solid {color}; border-radius: 3px; }} "
            f"QLabel {{ background: transparent; color: {tints.text}; border: none; }} "
            "QWidget#meanings { background: transparent; }"
        )

    @property
    def asking(self) -> bool:
        """Whether a question waits for its answer."""
        return self._asked is not None

    # ---- the card

    def tell(self, news: News, *, failed: bool = False) -> None:
        """Say what came of it; of many notes the first, the others where *Details* is pressed."""
        self.dismiss()
        self._failed, self._told = failed, news
        self.set_tints(self._tints)
        brief = _brief(news.notes)
        self.note.setText(" ".join((news.text, *brief)))
        self.details_button.setText(f"Details ({len(news.notes) - len(brief)} more)")
        self.details_button.setVisible(len(brief) < len(news.notes))
        self.again_button.setVisible(news.repeated is not None)
        self.card.show()

    def _show_details(self) -> None:
        self.note.setText("\n".join((self._told.text, *self._told.notes)))
        self.details_button.hide()

    def _ask_again(self) -> None:
        repeated = self._told.repeated
        self.dismiss()
        self.asked_again.emit(repeated)

    def ask(self, asked: MeaningsWanted | AnswerWanted) -> None:
        """Ask which class each value of a mask is, or what else a file leaves open."""
        if isinstance(asked, AnswerWanted):
            self.dismiss()
            self._asked = asked
            self.question.ask(asked.question)
            self.question.take_focus()
            return
        self._ask_values(asked)

    def _ask_values(self, asked: MeaningsWanted) -> None:
        self.tell(News(f"{plain_text(asked.request.source.name)} {asked.why}"))
        self._asked = asked
        for group in grouped(asked.proposals):
            combo = self._choices(group[0].proposed)
            self.form.addRow(_words(group), combo)
            self._groups.append((group, combo))
        self._rows.show()
        self.confirm_button.show()
        self.cancel_button.setText("Cancel")

    def dismiss(self) -> None:
        """Close the card; nothing is imported."""
        self._asked = None
        self._groups.clear()
        while self.form.rowCount():
            self.form.removeRow(0)
        self._rows.hide()
        self.question.dismiss()
        self._told = News("")
        for button in (self.details_button, self.again_button, self.confirm_button):
            button.hide()
        self.cancel_button.setText("Close")
        self.note.clear()
        self.card.hide()

    def _choices(self, proposed: LabelClass | None) -> NarrowCombo:
        combo = NarrowCombo()
        combo.addItem("unlabelled", None)
        for one in self._session.classes:
            combo.addItem(one.name, one)
        known = {one.value for one in self._session.classes}
        if proposed is not None and proposed.value not in known:
            combo.addItem(f"new: {proposed.name}", proposed)
        values = [None, *(one.value for one in self._session.classes)]
        if proposed is not None:
            at = values.index(proposed.value) if proposed.value in values else len(values)
            combo.setCurrentIndex(at)
        return combo

    def _confirm(self) -> None:
        asked = self._asked
        if not isinstance(asked, MeaningsWanted):
            return
        meant = {
            proposal.value: combo.currentData()
            for group, combo in self._groups
            for proposal in group
        }
        self.dismiss()
        self.confirmed.emit(asked, meant)

    def _answer(self, value: str) -> None:
        asked = self._asked
        self.dismiss()
        if isinstance(asked, AnswerWanted):
            self.answered.emit(asked, value)

    # ---- files

    def _ask_file(self) -> None:
        kinds = f"Labels ({_FILES});;All files (*)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Import labels", self._start(), kinds)
        if chosen:
            used_folder("labels", Path(chosen))
            self.imported.emit(Path(chosen))

    def _start(self) -> str:
        return str(start_folder("labels", self.image_file()))

    def _ask_folder(self) -> None:
        title = "Import labels: a folder of masks, or an OME-Zarr"
        chosen = QFileDialog.getExistingDirectory(self, title, self._start())
        if chosen:
            self.imported.emit(Path(chosen))

    def _ask_target(
        self, format: str, words: str, suffix: str, what: str, signal: Any, _checked: bool = False
    ) -> None:
        """Ask for a name, beside the image or where the last one was saved."""
        image = self._session.image
        if image is None:
            return
        named = format if format == "probabilities" else what
        name = f"{Path(image.name).stem}_{named}{suffix}"
        start = start_folder(what, self.image_file()) / name
        kind = f"{words.removesuffix(' …')} (*{suffix})"
        title = "Save the result" if what == "mask" else "Save painted labels"
        chosen, _ = QFileDialog.getSaveFileName(self, title, str(start), kind)
        if chosen:
            path = Path(chosen)
            used_folder(what, path)
            # The dialog has asked whether the file of that very name is to be replaced.
            agreed = path.is_file() and path.suffix.lower() == suffix
            signal.emit(path if path.suffix else path.with_suffix(suffix), format, agreed)


def _brief(notes: Sequence[str]) -> list[str]:
    """As many notes as are read at a glance; the first one in any case."""
    brief: list[str] = []
    for note in notes:
        if brief and sum(map(len, brief)) + len(note) > _MOST_LETTERS:
            break
        brief.append(note)
    return brief


def grouped(proposals: Sequence[ValueProposal]) -> list[tuple[ValueProposal, ...]]:
    """One group a value; where they are many, one for each class that is proposed."""
    if len(proposals) <= _MOST_ROWS:
        return [(proposal,) for proposal in proposals]
    groups: dict[int, list[ValueProposal]] = {}
    for proposal in proposals:
        groups.setdefault(proposal.proposed.value if proposal.proposed else 0, []).append(proposal)
    return [tuple(group) for group in groups.values()]


def _words(group: Sequence[ValueProposal]) -> str:
    """ "255 · 1,204 px", or "340 values" for a group."""
    pixels = sum(proposal.pixels for proposal in group)
    if len(group) == 1:
        return f"{group[0].value} · {pixels:,} px"
    return f"{len(group):,} values · {pixels:,} px"
