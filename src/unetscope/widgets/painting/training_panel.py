"""One button to train, a budget, and Pause and Stop while it runs."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QLabel,
    QProgressBar,
    QPushButton,
    QWidget,
)

from unetscope.session.guidance import controls, spoken_seconds
from unetscope.session.values import BUDGETS, Phase
from unetscope.widgets.kit.arranging import column, row
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import NarrowCombo, Tints
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.workbench import Workbench


class TrainingPanel(Panel):
    """Train with its budget; Pause, Stop and how far it is while it runs."""

    SHOWS = frozenset({"image", "painted", "budget", "training", "model", "versions"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._train_or_stop = work.train_or_stop
        self._keys = KeyTable()
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
        row(QLabel("Train for"), self.budget, owner=self.idle_row, stretched=(1,))
        row(self.pause_button, self.stop_button, owner=self.busy_row, stretched=(0, 1))
        column(self, self.train_button, self.idle_row, self.busy_row, self.progress)

    def keys(self) -> Calls:
        """One key starts and stops."""
        return {"train": self._train_or_stop}

    def set_tints(self, tints: Tints) -> None:
        """The one button that matters most stands out."""
        self.train_button.setStyleSheet(
            f"QPushButton:enabled {{ background-color: {tints.accent}; color: {tints.on_accent}; "
            "font-weight: bold; padding: 5px 12px; } QPushButton { padding: 5px 12px; }"
        )

    def show_keys(self, keys: KeyTable) -> None:
        """Tooltips with the keys as they are."""
        self._keys = keys
        self.refresh()

    def refresh(self) -> None:
        """Show what can be pressed."""
        can, training = controls(self._session), self._session.training
        busy = training.busy
        idle_part: tuple[QWidget, ...] = (self.train_button, self.idle_row)
        busy_part: tuple[QWidget, ...] = (self.busy_row, self.progress)
        for widget in idle_part:
            widget.setVisible(not busy)
        for widget in busy_part:
            widget.setVisible(busy)
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
