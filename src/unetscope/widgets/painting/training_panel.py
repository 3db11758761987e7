"""Learning: live from each stroke, and one button to train, with Pause and Stop."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QProgressBar,
    QPushButton,
    QWidget,
)

from unetscope.session.guidance import controls, spoken_seconds
from unetscope.session.sections import SECTION_FIELDS, Section, next_section
from unetscope.session.values import BUDGETS, Phase
from unetscope.widgets.kit.arranging import column, row
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import LARGE_PX, NarrowCombo, Tints, fill_button, line_px
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.workbench import Workbench


class TrainingPanel(Panel):
    """Train with its budget; Pause, Stop and how far it is while it runs."""

    SHOWS = SECTION_FIELDS | {"budget", "live"}

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self._tints: Tints | None = None
        self._keys = KeyTable()
        self.live = QCheckBox("Live")
        self.live.toggled.connect(work.set_live)
        self.train_button = QPushButton("Train")
        self.train_button.clicked.connect(work.train)
        self.budget = NarrowCombo()
        self.budget.setToolTip(
            "How long to train. It always stops by itself once it no longer improves; the best "
            "model is kept."
        )
        for budget in BUDGETS:
            self.budget.addItem(budget.label, budget)
        self.budget.activated.connect(self._budget_chosen)
        self.pause_button = QPushButton("Pause")
        self.pause_button.setToolTip("Hold training; nothing is lost.")
        self.pause_button.clicked.connect(work.trainer.pause_or_resume)
        self.stop_button = QPushButton("Stop")
        self.stop_button.clicked.connect(work.trainer.stop)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.idle_row, self.busy_row = QWidget(), QWidget()
        self._grid = QGridLayout(self.idle_row)
        self._grid.setContentsMargins(0, 0, 0, 0)
        for at, part in enumerate((self.train_button, self.budget, self.live)):
            self._grid.addWidget(part, 0, at)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        row(self.pause_button, self.stop_button, owner=self.busy_row, stretched=(0, 1))
        column(self, self.idle_row, self.busy_row, self.progress)

    def keys(self) -> Calls:
        """One key starts and stops, one switches Live."""
        return {"train": self._work.train_or_stop, "live": self.live.toggle}

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.refresh()

    def show_keys(self, keys: KeyTable) -> None:
        """Tooltips with the keys as they are."""
        self._keys = keys
        self.refresh()

    def refresh(self) -> None:
        """Show what can be pressed."""
        can, training = controls(self._session), self._session.training
        busy = training.busy
        self.idle_row.setVisible(not busy)
        for widget in (self.busy_row, self.progress):
            widget.setVisible(busy)
        is_next = next_section(self._session) is Section.LEARN
        fill_button(self.train_button, self._tints, on=is_next)
        large = line_px(self.live) > LARGE_PX  # then two of them fill a line
        self._grid.addWidget(self.live, int(large), 0 if large else 2)
        self._show_live()
        self.train_button.setText(f"▶ {can.train_word}")
        self.train_button.setEnabled(can.train)
        self.train_button.setToolTip(
            can.train_reason
            or self._keys.tip("train", "Fine-tune the U-Net on your strokes; painting goes on.")
        )
        self._show_budget()
        self.pause_button.setText(can.pause_word)
        self.pause_button.setEnabled(can.pause)
        self.stop_button.setEnabled(can.stop)
        self.stop_button.setToolTip(
            self._keys.tip("train", "End training and keep the best model so far.")
        )
        self._show_progress()

    def _show_live(self) -> None:
        self.live.blockSignals(True)
        self.live.setChecked(self._session.live)
        self.live.blockSignals(False)
        self.live.setToolTip(self._keys.tip("live", "Answer every stroke at once, as you paint."))

    def _show_budget(self) -> None:
        budget = self._session.budget
        labels = [self.budget.itemText(i) for i in range(self.budget.count())]
        if budget.label not in labels:  # from the preferences or a script
            self.budget.addItem(budget.label, budget)
            labels.append(budget.label)
        self.budget.setCurrentIndex(labels.index(budget.label))

    def _show_progress(self) -> None:
        training = self._session.training
        waiting = training.phase in (Phase.STARTING, Phase.STOPPING)
        if training.budget_s is None or waiting:
            self.progress.setRange(0, 0 if training.phase is not Phase.PAUSED else 1)
            self.progress.setFormat("")
            return
        left = max(0.0, training.budget_s - training.seconds)
        self.progress.setRange(0, round(training.budget_s * 10))
        self.progress.setValue(min(round(training.seconds * 10), round(training.budget_s * 10)))
        self.progress.setFormat(f"{spoken_seconds(left)} left")

    def _budget_chosen(self, index: int) -> None:
        self._session.budget = self.budget.itemData(index)
