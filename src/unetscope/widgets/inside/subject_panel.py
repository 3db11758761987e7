"""What is looked into: status, network, image, and the probe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from unetscope.session.inside.looking_guidance import inside_line
from unetscope.widgets.kit.looks import NarrowCombo, Tints, small_button


class SubjectPanel(QWidget):
    """Always in sight: what happens, which network, which image, and the Probe button."""

    SHOWS = frozenset(
        {
            "sources", "source", "images", "image", "opening", "glass", "message", "working",
            "probing", "layer", "point", "pinned", "shown",
        }
    )  # fmt: skip

    def __init__(self, inspector: Any, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspector, self._inside, self._tints = inspector, inspector.inside, tints
        self.status = QFrame()
        self.status.setObjectName("insideStatus")
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setAccessibleName("Status")
        inner = QVBoxLayout(self.status)
        inner.setContentsMargins(8, 6, 6, 6)
        inner.addWidget(self.label)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(6)
        self.stop = small_button("Stop", "End what is running; what was shown stays.")
        self.stop.clicked.connect(lambda _checked: inspector.stop())
        working = QHBoxLayout()
        working.addWidget(self.progress, 1)
        working.addWidget(self.stop)
        self.sources = NarrowCombo()
        self.sources.setToolTip("The network to look into.")
        self.sources.setAccessibleName("Network")
        self.sources.activated.connect(
            lambda index: inspector.networks.choose(self.sources.itemData(index))
        )
        self.file = small_button("…", "Open a model file (.unetscope) to look into.")
        self.file.clicked.connect(self._open_file)
        self.images = NarrowCombo()
        self.images.setToolTip("The image the network looks at.")
        self.images.setAccessibleName("Image")
        self.images.activated.connect(
            lambda index: inspector.images.choose(self.images.itemData(index))
        )
        self.probe = QPushButton("Probe")
        self.probe.setCheckable(True)
        self.probe.setToolTip(
            "Follow the cursor: draw what the chosen layer sees from there, and say which channels "
            "fire. A click holds the point; painting pauses until you switch the probe off."
        )
        self.probe.toggled.connect(inspector.set_probing)
        network, image = QHBoxLayout(), QHBoxLayout()
        network.addWidget(self.sources, 1)
        network.addWidget(self.file)
        image.addWidget(self.images, 1)
        image.addWidget(self.probe)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.status)
        layout.addLayout(working)
        layout.addLayout(network)
        layout.addLayout(image)
        self.set_tints(tints)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.refresh("message")

    def refresh(self, changed: str) -> None:
        """Show the state; ``changed`` is the field, or "" for all."""
        if changed in ("sources", "source", ""):
            _fill(self.sources, [(s.title, s.key, s.tip) for s in self._inside.sources])
            self.sources.setCurrentIndex(self.sources.findData(self._inside.source))
        if changed in ("images", "image", ""):
            _fill(self.images, [(i.name, i.key, "") for i in self._inside.images])
            key = self._inside.image.key if self._inside.image is not None else None
            self.images.setCurrentIndex(self.images.findData(key))
            self.probe.setEnabled(key is not None)
        if changed in ("probing", ""):
            self.probe.setChecked(self._inside.probing)
        self._say()
        work = self._inside.working
        self.progress.setVisible(work is not None)
        self.stop.setVisible(work is not None and not self._inside.opening)
        if work is not None:
            self.progress.setRange(0, max(work.total, 0))
            self.progress.setValue(work.done)

    def _say(self) -> None:
        line, tints = inside_line(self._inside), self._tints
        color = {
            "error": tints.error,
            "busy": tints.busy,
            "next": tints.text,
            "notice": tints.busy,
        }[line.tone]
        self.label.setText(line.text)
        self.status.setStyleSheet(
            f"QFrame#insideStatus {{ background: {tints.card}; border: none; "
            f"border-left: 4px solid {color}; border-radius: 3px; }} "
            f"QFrame#insideStatus QLabel {{ background: transparent; "
            f"color: {tints.error if line.tone == 'error' else tints.text}; }}"
        )

    def _open_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Look into a model file", "", "Models (*.unetscope)"
        )
        if chosen:
            path = Path(chosen)
            self._inspector.networks.add(path.stem, path=path)


def _fill(combo: Any, entries: list[tuple[str, str, str]]) -> None:
    """Entries anew, without telling anybody; unchanged ones leave an open list open."""
    known = [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())]
    if known == [(text, data) for text, data, _ in entries]:
        return
    combo.blockSignals(True)
    combo.clear()
    for text, data, tip in entries:
        combo.addItem(text, data)
        combo.setItemData(combo.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
    combo.blockSignals(False)
