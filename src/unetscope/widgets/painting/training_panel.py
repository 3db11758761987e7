"""One button to train, a budget, and Pause and Stop while it runs."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from unetscope.session.guidance import controls, spoken_seconds
from unetscope.session.state import Session
from unetscope.session.values import BUDGETS, Phase
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import NarrowCombo, Tints


class TrainingPanel(QWidget):
    """``train()``, ``pause()`` (also resumes) and ``stop()`` are pressed."""

    train = Signal()
    pause = Signal()
    stop = Signal()

    def __init__(self, session: Session, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._keys = KeyTable()
        self.train_button = QPushButton("Train")
        self.train_button.clicked.connect(self.train)
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
        self.pause_button.clicked.connect(self.pause)
        self.stop_button = QPushButton("Stop")
        self.stop_button.clicked.connect(self.stop)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.idle_row, self.busy_row = QWidget(), QWidget()
        idle, busy = QHBoxLayout(self.idle_row), QHBoxLayout(self.busy_row)
        idle.addWidget(QLabel("Train for"))
        idle.addWidget(self.budget, 1)
        busy.addWidget(self.pause_button, 1)
        busy.addWidget(self.stop_button, 1)
        for row in (idle, busy):
            row.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.train_button)
        layout.addWidget(self.idle_row)
        layout.addWidget(self.busy_row)
        layout.addWidget(self.progress)
        self.set_tints(tints)

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
