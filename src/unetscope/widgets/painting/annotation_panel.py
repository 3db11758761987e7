"""Labels of other programs: a button, and a card for questions and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QWidget,
)

from unetscope.images.annotations.mask_names import MASK_SUFFIXES
from unetscope.images.annotations.masks import ValueProposal
from unetscope.images.annotations.values import plain_text
from unetscope.images.classes import LabelClass
from unetscope.images.questions import Choice
from unetscope.session.engine.annotation_jobs import AnswerWanted, ImportRequest, MeaningsWanted
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.looks import NarrowCombo, Tints, offer, small_button
from unetscope.widgets.kit.news_card import NewsCard
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.question_card import QuestionCard
from unetscope.workbench.annotation_files import News
from unetscope.workbench.folders import start_folder, used_folder
from unetscope.workbench.workbench import Workbench

_ENDINGS = (*MASK_SUFFIXES, ".zip", ".roi", ".json", ".geojson", "_seg.npy")
_FILES = " ".join(f"*{ending}" for ending in _ENDINGS)
_MOST_ROWS = 8


class AnnotationPanel(Panel):
    """A card for news or the question of a file; its button stands where its holder puts it."""

    SHOWS = frozenset({"image"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._files = work.annotations
        self._asked: MeaningsWanted | AnswerWanted | None = None
        self._repeated: ImportRequest | None = None
        self._meanings: _Meanings | None = None
        self._image = work.session.image
        self.import_button = small_button(
            "Import labels ▾", "Masks, ImageJ ROIs, COCO, GeoJSON or OME-Zarr of this image."
        )
        folder = "From a folder of masks, or OME-Zarr …"
        offer(self.import_button, (("From a file …", self._ask_file), (folder, self._ask_folder)))
        self.again_button = small_button("Ask again", "Import it anew, with another answer.")
        self.again_button.clicked.connect(lambda _checked: self._ask_again())
        self.card = NewsCard("Import of labels", self.again_button)
        self.question = QuestionCard()
        self.question.answered.connect(lambda _question, value: self._answer(value))
        self.question.put_off.connect(lambda _question: self.dismiss())
        column(self, self.card, self.question)
        self.dismiss()
        self._files.asked.connect(self.ask)
        self._files.told.connect(self.tell)
        self._files.failed.connect(lambda text: self.tell(News(text), failed=True))

    def refresh(self) -> None:
        """The button can be pressed where there is an image."""
        self.import_button.setEnabled(self._session.image is not None)
        if not self.asking and self._session.image is not self._image:
            self.dismiss()  # what came of another image's files is no news any more
        self._image = self._session.image

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.question.set_tints(tints)
        self.card.set_tints(tints)

    @property
    def asking(self) -> bool:
        """Whether a question waits for its answer."""
        return self._asked is not None

    # ---- the card

    def tell(self, news: News, *, failed: bool = False) -> None:
        """Say what came of it."""
        self.dismiss()
        self._repeated = news.repeated
        self.show()
        self.card.tell(news.text, news.notes, failed=failed)
        self.again_button.setVisible(news.repeated is not None)
        self.called_for.emit()

    def _ask_again(self) -> None:
        repeated = self._repeated
        self.dismiss()
        if repeated is not None:
            self._files.ask_again(repeated)

    def ask(self, asked: MeaningsWanted | AnswerWanted) -> None:
        """Ask which class each value of a mask is, or what else a file leaves open."""
        self.dismiss()
        self.show()
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
        self._asked = self._meanings = self._repeated = None
        self.question.dismiss()
        self.card.dismiss()
        self.hide()

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
