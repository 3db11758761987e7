"""Numbers go out: tables, objects, a report, the words for a paper, and all images of a project."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QWidget

from unetscope.session.values import Message
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import offer, small_button
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.workbench.measuring.measure_bench import MeasureBench

#: Words of the menu -> kinds of files beside the CSV table, as of the command line.
EXPORTS: tuple[tuple[str, dict[str, tuple[str, ...]]], ...] = (
    ("Table (CSV) …", {}),
    ("Table for Excel (XLSX) …", {"tables": ("xlsx",)}),
    ("Table as Parquet …", {"tables": ("parquet",)}),
    ("Object numbers (TIFF) …", {"objects": ("tif",)}),
    ("ROIs for ImageJ …", {"objects": ("imagej",)}),
    ("GeoJSON for QuPath …", {"objects": ("geojson",)}),
    ("Figure (PNG and SVG) …", {"figures": ("png", "svg")}),
)
REPORT = {"reports": ("html", "pdf"), "figures": ("png",)}


class ExportPanel(MeasurePanel):
    """Three buttons and a menu; every file says where its numbers come from."""

    SHOWS = frozenset({"found", "image", "working"})

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        self.export = small_button(
            "Export …",
            "Write the table, all numbers, the paragraph of methods and their origin; for other "
            "programs objects as well.",
        )
        offer(self.export, [(words, partial(self._write, kinds)) for words, kinds in EXPORTS])
        self.report = small_button("Report …", "One page with picture, numbers and what is open.")
        self.report.clicked.connect(lambda _checked: self._write(REPORT))
        self.methods = small_button("Copy methods", "The paragraph for a paper, to be pasted.")
        self.methods.clicked.connect(lambda _checked: self._copy())
        self.everything = small_button(
            "All images …", "All predicted images of the project, measured alike, in one table."
        )
        self.everything.clicked.connect(lambda _checked: self._write_all())
        buttons = QWidget()
        flow(self.export, self.report, self.methods, self.everything, owner=buttons)
        column(self, buttons)

    def refresh(self) -> None:
        """Show what can be had."""
        found = self._state.found
        self.setVisible(found is not None)
        ready = found is not None and self._state.working is None
        for button in (self.export, self.report, self.everything):
            button.setEnabled(ready)
        self.methods.setEnabled(found is not None and bool(found.quantities))
        self.everything.setVisible(self._bench.labels.project is not None)

    def _write(self, kinds: dict[str, tuple[str, ...]]) -> None:
        found = self._state.found
        if found is None:
            return
        stem = Path(found.segmented.name).stem or "objects"
        path = self._asked(f"{stem}_{self._state.name_of(found.wish.value)}")
        if path is not None:
            self._bench.results.export(path, overwrite=True, **kinds)

    def _write_all(self) -> None:
        project = self._bench.labels.project
        if project is None:
            return
        path = self._asked(project.stem)
        if path is not None:
            self._bench.results.export_project(project, path, overwrite=True)

    def _asked(self, stem: str) -> Path | None:
        """Where the table goes; all other files lie beside it."""
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Write the table, other files beside it", f"{stem}.csv", "Tables (*.csv)"
        )
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.suffix.lower() == ".csv" else path.with_name(f"{path.name}.csv")

    def _copy(self) -> None:
        text = self._bench.results.paragraph()
        clipboard = QGuiApplication.clipboard()
        if text and clipboard is not None:
            clipboard.setText(text)
            self._state.message = Message("The paragraph of methods is in the clipboard.")
