"""Labels in, labels and results out: buttons, and a card for questions and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QLabel,
    QWidget,
)

from unetscope.images.annotations.mask_names import MASK_SUFFIXES
from unetscope.images.annotations.masks import ValueProposal
from unetscope.images.annotations.values import plain_text
from unetscope.images.classes import LabelClass
from unetscope.images.questions import Choice
from unetscope.session.engine.annotation_jobs import AnswerWanted, MeaningsWanted
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import NarrowCombo, Tints, card_style, offer, quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.question_card import QuestionCard
from unetscope.workbench.annotation_files import News
from unetscope.workbench.folders import start_folder, used_folder
from unetscope.workbench.workbench import Workbench

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


class AnnotationPanel(Panel):
    """Three buttons with menus, and a card for news or the question of a file."""

    SHOWS = frozenset({"image"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._files = work.annotations
        self._asked: MeaningsWanted | AnswerWanted | None = None
        self._told = News("")
        self._meanings: _Meanings | None = None
        self._failed = False
        self._image = work.session.image
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
        self._make_menus()
        self.card, self.note = QFrame(), quiet(QLabel())
        self.note.setAccessibleName("Import and export of labels")
        self.note.setTextFormat(Qt.TextFormat.PlainText)  # names of files and classes are in it
        self.question = QuestionCard()
        self.question.answered.connect(lambda _question, value: self._answer(value))
        self.question.put_off.connect(lambda _question: self.dismiss())
        self.details_button = small_button("Details", "All that was left out or changed.")
        self.details_button.clicked.connect(lambda _checked: self._show_details())
        self.again_button = small_button("Ask again", "Import it anew, with another answer.")
        self.again_button.clicked.connect(lambda _checked: self._ask_again())
        self.close_button = small_button("Close", "Close this note.")
        self.close_button.clicked.connect(lambda _checked: self.dismiss())
        more = flow(self.details_button, self.again_button, self.close_button, spacing=None)
        column(self.card, self.note, more, margins=(8, 6, 6, 6))
        buttons = (self.save_button, self.export_button, self.import_button)
        column(self, flow(*buttons, spacing=None), self.card, self.question)
        self.dismiss()
        self._files.asked.connect(self.ask)
        self._files.told.connect(self.tell)
        self._files.failed.connect(lambda text: self.tell(News(text), failed=True))

    def _make_menus(self) -> None:
        folder = "From a folder of masks, or OME-Zarr …"
        offer(self.import_button, (("From a file …", self._ask_file), (folder, self._ask_folder)))
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
        there = self._session.image is not None
        self.import_button.setEnabled(there)
        self.export_button.setEnabled(there)
        self.save_button.setEnabled(there)
        if not self.asking and self._session.image is not self._image:
            self.dismiss()  # what came of another image's files is no news any more
        self._image = self._session.image

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.question.set_tints(tints)
        color = tints.error if self._failed else tints.busy
        self.card.setStyleSheet(card_style("QFrame", tints, color) + " QLabel { border: none; }")

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
        self.called_for.emit()

    def _show_details(self) -> None:
        self.note.setText("\n".join((self._told.text, *self._told.notes)))
        self.details_button.hide()

    def _ask_again(self) -> None:
        repeated = self._told.repeated
        self.dismiss()
        if repeated is not None:
            self._files.ask_again(repeated)

    def ask(self, asked: MeaningsWanted | AnswerWanted) -> None:
        """Ask which class each value of a mask is, or what else a file leaves open."""
        self.dismiss()
        self._asked = asked
        if isinstance(asked, AnswerWanted):
            self.question.ask(asked.question)
            self.question.take_focus()
        else:
            self._meanings = _Meanings(asked, self._session.classes)
            self.question.ask(_ValuesQuestion(asked), self._meanings)
        self.called_for.emit()

    def dismiss(self) -> None:
        """Close the card; nothing is imported."""
        self._asked = self._meanings = None
        self.question.dismiss()
        self._told = News("")
        for button in (self.details_button, self.again_button):
            button.hide()
        self.note.clear()
        self.card.hide()

    def _answer(self, value: str) -> None:
        asked, meanings = self._asked, self._meanings
        if isinstance(asked, MeaningsWanted) and meanings is not None:
            meant = meanings.meant()
            self.dismiss()
            self._files.confirm(asked, meant)
        elif isinstance(asked, AnswerWanted):
            self.dismiss()
            self._files.answer(asked, value)

    # ---- files

    def _ask_file(self) -> None:
        kinds = f"Labels ({_FILES});;All files (*)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Import labels", self._start(), kinds)
        if chosen:
            used_folder("labels", Path(chosen))
            self._files.import_from(Path(chosen))

    def _start(self) -> str:
        return str(start_folder("labels", self._files.image_file()))

    def _ask_folder(self) -> None:
        title = "Import labels: a folder of masks, or an OME-Zarr"
        chosen = QFileDialog.getExistingDirectory(self, title, self._start())
        if chosen:
            self._files.import_from(Path(chosen))

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


class _ValuesQuestion:
    """What the values of a mask are, as a question whose answers are chosen in its rows."""

    choices = (Choice("import", "Import"),)

    def __init__(self, asked: MeaningsWanted) -> None:
        self.text = f"{plain_text(asked.request.source.name)} {asked.why}"


class _Meanings(QWidget):
    """A row for each value of a mask, or for many together: the class it is taken as."""

    def __init__(self, asked: MeaningsWanted, classes: Sequence[LabelClass]) -> None:
        super().__init__()
        self.setObjectName("meanings")
        self.setStyleSheet("QWidget#meanings { background: transparent; }")
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)
        self._groups = grouped(asked.proposals)
        self.combos = [_choices(group[0].proposed, classes) for group in self._groups]
        for group, combo in zip(self._groups, self.combos, strict=True):
            self.form.addRow(_words(group), combo)

    def meant(self) -> dict[int, LabelClass | None]:
        """The class of each value, None for unlabelled."""
        pairs = zip(self._groups, self.combos, strict=True)
        return {p.value: combo.currentData() for group, combo in pairs for p in group}


def _choices(proposed: LabelClass | None, classes: Sequence[LabelClass]) -> NarrowCombo:
    combo = NarrowCombo()
    combo.addItem("unlabelled", None)
    for one in classes:
        combo.addItem(one.name, one)
    values = [one.value for one in classes]
    if proposed is not None and proposed.value not in values:
        combo.addItem(f"new: {proposed.name}", proposed)
        combo.setCurrentIndex(len(values) + 1)
    elif proposed is not None:
        combo.setCurrentIndex(values.index(proposed.value) + 1)
    return combo
