"""The table of objects with what it leaves out, a filter, and the menu of its columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt, QTimer, Signal
from qtpy.QtGui import QAction, QColor, QGuiApplication, QKeySequence, QShortcut
from qtpy.QtWidgets import QLabel, QLineEdit, QMenu, QWidget

from unetscope.errors import MeasurementError, as_sentence
from unetscope.measuring.conditions import Conditions, read_conditions, within
from unetscope.measuring.pixel_runs import Ints
from unetscope.widgets.kit.arranging import column, row
from unetscope.widgets.kit.looks import Tints, quiet, small_button
from unetscope.widgets.measuring.cells import title
from unetscope.widgets.measuring.object_model import ObjectTableModel
from unetscope.widgets.measuring.table_rows import TableRows

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable

#: Columns that are hidden until somebody asks for them, by their beginnings; of any channel.
RARELY_READ = (
    *("centre_", "first_", "last_", "weight", "axis_major", "axis_minor", "nearest_centre"),
    *("nearest_edge_sure", "min", "max", "sd", "saturated"),
)
_NO_MEASURES = frozenset({"object", "class"})
_PAUSE_MS = 350  # after the last letter of a filter
_NONE_YET = "No objects yet."


class ObjectTableView(QWidget):
    """Shows a table of objects.

    ``chosen(numbers)``: a person chose other rows; an array of object numbers, maybe empty.
    ``filtered(conditions)``: other objects are shown; ``model.kept()`` says which.
    ``colour_by(key)`` and ``histogram_of(key)``: a person asked for them in the menu of a column.
    """

    chosen = Signal(object)
    filtered = Signal(object)
    colour_by = Signal(str)
    histogram_of = Signal(str)

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._empty, self._is_stale = _NONE_YET, False
        self._hidden: set[str] = set()
        self._usual: tuple[str, ...] = ()  # columns that were last chosen from
        self.model = ObjectTableModel(self)
        self.rows = TableRows(self.model)
        self.count = quiet(QLabel())
        self.clear = small_button("clear", "Show all objects.")
        self.entry = QLineEdit()
        self.error = quiet(QLabel())
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        top = QWidget()
        line = row(self.count, self.clear, self.entry, owner=top, stretched=(0, 2))
        line.setSpacing(4)
        column(self, top, self.error, self.rows).setSpacing(2)
        self._name_parts()
        self._connect()
        self.set_tints(tints)
        self.show_table(None)

    # ---- what it shows

    def show_table(
        self, table: ObjectTable | None, classes: Mapping[int, str] | None = None
    ) -> None:
        """Show other objects; a filter that can be read for them stays."""
        with self.rows.keeping():
            self.model.show_table(table, classes or {})
        if table is not None:
            self._hide_rare(table)
        self.rows.fit_columns()
        self._read(telling=True)

    def _hide_rare(self, table: ObjectTable) -> None:
        """Of other columns than before, hide those that are rarely read; else what was hidden."""
        several = len(set(table.columns["class"].tolist())) > 1
        keys = tuple(one.key for one in table.about if several or one.key != "class")
        if keys != self._usual:
            self._usual = keys
            rare = {one.key for one in table.about if one.key.startswith(RARELY_READ)}
            self._hidden = rare if several else rare | {"class"}
        self.hide_columns(self._hidden)

    def replace(self, table: ObjectTable) -> None:
        """Show the same objects after an edit; what is chosen, sorted and on screen stays."""
        with self.rows.keeping():
            self.model.replace(table)
        self._say()

    @property
    def table(self) -> ObjectTable | None:
        """What is shown, with the rows that are left out."""
        return self.model.table

    def say_when_empty(self, text: str) -> None:
        """Why there are no objects, and what to do."""
        self._empty = text
        self._say()

    def set_stale(self, on: bool) -> None:
        """Numbers of an older model or older strokes are grey."""
        self._is_stale = on
        self.model.set_faint(QColor(self._tints.faint) if on else None)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.rows.bars.tints = tints
        self.error.setStyleSheet(f"color: {tints.error};")
        self.rows.setStyleSheet(
            f"QTableView {{ background: {tints.background}; color: {tints.text}; "
            f"alternate-background-color: {tints.card}; border: none; }} "
            f"QTableView::item:selected {{ background: {tints.accent}; "
            f"color: {tints.on_accent}; }} "
            f"QHeaderView::section {{ background: {tints.card}; color: {tints.text}; "
            "padding: 2px 4px; border: none; }"
        )
        self.rows.fit_columns()
        self.set_stale(self._is_stale)

    # ---- what is chosen

    @property
    def selected(self) -> Ints:
        """(chosen,) numbers of the chosen objects, from the top row."""
        return self.rows.selected

    def select(self, numbers: Iterable[int]) -> None:
        """Choose objects and show the first one; no signal. What is not shown is left out."""
        self.rows.select(numbers)

    def copy(self) -> None:
        """Put the chosen rows into the clipboard: tab separated, with heads, all digits."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None and len(self.selected):
            clipboard.setText(self.rows.copied_text())

    # ---- what is left out

    @property
    def conditions(self) -> Conditions:
        """What the objects that are shown fit."""
        return self.model.conditions

    def brush(self, key: str, low: float, high: float) -> None:
        """Show only objects from ``low`` to ``high`` of a column, both with them.

        Other conditions stay. Ends that are infinite are open; both: none of this column.
        """
        about = self.model.column_at(self.model.place_of(key))
        others = self.conditions.without(key).each
        self._use(Conditions((*others, *within(about, low, high).each)))
        self.entry.setText(self.conditions.text)
        self._tell_error("")

    def filter_by(self, text: str) -> None:
        """Show only objects that fit what could be typed; "" shows all."""
        self.entry.setText(text)
        self._read(telling=True)

    # ---- columns

    def hide_columns(self, keys: Collection[str]) -> None:
        """Hide these columns, show all others; also of the objects that come next."""
        self._hidden = set(keys)
        for at, one in enumerate(self.model.columns):
            self.rows.setColumnHidden(at, one.key in keys)

    def hidden_columns(self) -> frozenset[str]:
        """Keys of the columns that are hidden."""
        return frozenset(self._hidden)

    def _hide(self, key: str, on: bool) -> None:
        self.hide_columns(self._hidden | {key} if on else self._hidden - {key})

    def menu_of(self, at: int) -> QMenu:
        """What can be done with the column that stands at ``at``, and how to show hidden ones."""
        menu = QMenu(self)
        if 0 <= at < len(self.model.columns):
            self._offer_sorting(menu, at)
            self._offer_looks(menu, at)
        hidden = [at for at in range(len(self.model.columns)) if self.rows.isColumnHidden(at)]
        more = menu.addMenu("Show")
        if more is not None:
            more.setEnabled(bool(hidden))
            for one in hidden:
                words = title(self.model.column_at(one))
                _add(more, words, partial(self._hide, self.model.column_at(one).key, False))
            _add(more, "all columns", partial(self.hide_columns, ()))
        return menu

    def _offer_sorting(self, menu: QMenu, at: int) -> None:
        header = self.rows.horizontalHeader()
        assert header is not None
        up, down = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
        for words, order in (("smallest", up), ("largest", down)):
            _add(menu, f"Sort: {words} first", partial(header.setSortIndicator, at, order))
        menu.addSeparator()

    def _offer_looks(self, menu: QMenu, at: int) -> None:
        one = self.model.column_at(at)
        name = one.key.replace("_", " ")
        if one.key not in _NO_MEASURES:
            _add(menu, f"Colour by {name}", partial(self.colour_by.emit, one.key))
            _add(menu, f"Histogram of {name}", partial(self.histogram_of.emit, one.key))
        if len(self.rows.columns_shown()) > 1:
            _add(menu, f"Hide {name}", partial(self._hide, one.key, True))

    def _show_menu(self, at: int, place: QPoint) -> None:
        menu = self.menu_of(at)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    # ---- inside

    def _name_parts(self) -> None:
        self.entry.setPlaceholderText("Filter: area > 0.2, not at border")
        self.entry.setClearButtonEnabled(True)
        self.entry.setAccessibleName("Filter objects")
        self.entry.setToolTip(
            "Conditions between commas: area > 0.2, 100 < diameter < 300 nm, circ 0.8 to 1, "
            "not at border, class = name. The beginning of a name is enough (Ctrl+F)."
        )
        self.count.setAccessibleName("Rows shown")
        self.clear.setAccessibleName("Clear filter")
        self.error.setVisible(False)

    def _connect(self) -> None:
        self.rows.chosen.connect(self.chosen)
        self.rows.menu_wanted.connect(self._show_menu)
        self.clear.clicked.connect(lambda _checked: self.filter_by(""))
        self.entry.textEdited.connect(lambda _text: self._pause.start())
        self.entry.returnPressed.connect(lambda: self._read(telling=True))
        self.entry.editingFinished.connect(lambda: self._read(telling=True))
        self._pause.timeout.connect(lambda: self._read(telling=False))
        for key, call in (
            (QKeySequence.StandardKey.Copy, self.copy),
            (QKeySequence.StandardKey.Find, self.entry.setFocus),
        ):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)

    def _read(self, *, telling: bool) -> None:
        """Follow the filter that is typed; what cannot be read is said, and nothing changes."""
        self._pause.stop()
        if self.table is None:
            self._use(Conditions())
            return
        try:
            found = read_conditions(self.entry.text(), self.table.about, self.model.classes)
        except MeasurementError as error:
            if telling:
                self._tell_error(as_sentence(str(error)))
            return
        self._tell_error("")
        self._use(found)

    def _use(self, conditions: Conditions) -> None:
        changed = conditions != self.model.conditions
        with self.rows.keeping():
            self.model.filter(conditions)
        self._say()
        if changed:
            self.filtered.emit(conditions)

    def _say(self) -> None:
        """How many rows of how many, and what they fit."""
        shown, table = self.model.rowCount(), self.table
        everything = 0 if table is None else len(table)
        if self.conditions:
            told = f"{shown:,} of {everything:,} rows · {self.conditions.text}"
            self.rows.empty_text = f"No object fits: {self.conditions.text}."
        else:
            told = f"{everything:,} row{'' if everything == 1 else 's'}"
        if not everything:
            self.rows.empty_text = self._empty
        self.count.setText(told)
        self.clear.setVisible(bool(self.conditions))
        port = self.rows.viewport()
        if port is not None:
            port.update()

    def _tell_error(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text))


def _add(menu: QMenu, words: str, call: Callable[[], object]) -> None:
    action = QAction(words, menu)
    action.triggered.connect(lambda _checked=False: call())
    menu.addAction(action)
