"""One lesson: its idea, the question, what can be changed, what is to be seen, and its caveats."""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QWidget

from unetscope.errors import LessonError
from unetscope.lessons.bench import Laid
from unetscope.lessons.declaration import Lesson
from unetscope.lessons.visit import Visit
from unetscope.looking.answers import Shown
from unetscope.looking.question import HelpText
from unetscope.widgets.inside.help_button import HelpPopup
from unetscope.widgets.inside.result_panel import ResultPanel
from unetscope.widgets.inside.result_plots import LINE, POINTS, Series
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import Tints, quiet, small_button
from unetscope.widgets.lessons.dock_words import word
from unetscope.widgets.lessons.guess_card import GuessCard
from unetscope.widgets.lessons.lesson_controls import ControlRows
from unetscope.workbench.lessons.tutor import Tutor


class LessonPage(QWidget):
    """Shows the visit of a :class:`Tutor`; ``export()`` and ``inside()`` are buttons."""

    export = Signal()
    inside = Signal()

    def __init__(self, tutor: Tutor, tints: Tints) -> None:
        super().__init__()
        self._tutor, self._tints = tutor, tints
        self._popup: HelpPopup | None = None
        self.title, self.idea = quiet(QLabel()), quiet(QLabel())
        self.text_button, self.own_button = small_button("", ""), small_button("", "")
        self.on = QLabel()
        self.missing, self.step_text = quiet(QLabel()), quiet(QLabel())
        self.guess, self.controls = GuessCard(tints), ControlRows()
        self.verdict, self.notice = quiet(QLabel()), quiet(QLabel())
        self.result = ResultPanel(tints)
        self.bar = QProgressBar()
        self.stop, self.live = small_button("", ""), small_button("", "")
        self.message = quiet(QLabel())
        self.caveat, self.loose = quiet(QLabel()), quiet(QLabel())
        self.reset, self.look = small_button("", ""), small_button("", "")
        self.save, self.help = small_button("", ""), small_button("?", "")
        self.dots = QLabel()
        self._lay_out()
        self._connect()
        self.set_tints(tints)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.title.setStyleSheet(f"color: {tints.text}; font-weight: bold;")
        for label in (self.idea, self.step_text):
            label.setStyleSheet(f"color: {tints.text};")
        for label in (self.missing, self.caveat, self.loose):
            label.setStyleSheet(f"color: {tints.faint};")
        self.dots.setStyleSheet(f"color: {tints.accent};")
        for part in (self.guess, self.controls, self.result):
            part.set_tints(tints)
        self.refresh()

    def refresh(self, signal: str = "") -> None:
        """Show the visit as it is; of an answer that has come, no more than it changes."""
        visit = self._tutor.state.visit
        if visit is None:
            return
        if signal in ("shown", "working", "message"):
            self._show_result(visit)
            return
        self._speak(visit)
        self._show_head(visit)
        self.controls.show_controls(visit.controls, visit.values, self._tints, self._language)
        self._show_result(visit)

    # ---- inside

    @property
    def _language(self) -> str:
        return self._tutor.state.language

    def _word(self, name: str) -> str:
        return word(name, self._language)

    def _speak(self, visit: Visit) -> None:
        for button, name in (
            (self.text_button, "text_numbers"),
            (self.own_button, "my_image"),
            (self.stop, "stop"),
            (self.live, "live"),
            (self.reset, "reset"),
            (self.look, "inside"),
            (self.save, "export"),
        ):
            button.setText(self._word(name))
        self.on.setText(self._word("on"))
        self.help.setToolTip(self._word("keys"))
        self.reset.setToolTip(self._word("keys"))
        own = visit.own is not None
        self.own_button.setToolTip(self._word("taken") if own else "")

    def _show_head(self, visit: Visit) -> None:
        state, lesson = self._tutor.state, visit.lesson
        self.title.setText(lesson.title)
        self.idea.setText(lesson.idea)
        self.idea.setVisible(visit.at == 0)
        own = visit.own is not None
        self.text_button.setChecked(not own)
        self.own_button.setChecked(own)
        self.own_button.setEnabled(not state.missing)
        size = self._word(state.missing) if state.missing else ""
        if visit.own is not None:
            size = f"{visit.own.name}: {_size(visit.own)}"
        self.missing.setText(size)
        self.missing.setVisible(bool(size))
        self.step_text.setText(visit.text())
        self.step_text.setVisible(bool(visit.step.text))
        steps = len(lesson.step)
        self.dots.setText(" ".join("●" if at <= visit.at else "○" for at in range(steps)))
        self.dots.setAccessibleName(f"{self._word('step')} {visit.at + 1} / {steps}")
        self.dots.setToolTip(self.dots.accessibleName())
        self.caveat.setText(lesson.caveat)
        last = visit.at == steps - 1
        self.caveat.setVisible(bool(lesson.caveat) and last and not visit.hidden)
        self.loose.setText(self._loose(lesson))
        self.loose.setVisible(bool(lesson.loose) and last and not visit.hidden)

    def _loose(self, lesson: Lesson) -> str:
        lines = []
        for one in lesson.loose:
            says, here = self._word("text_says"), self._word("here")
            kind, verdict = self._word(one.kind), self._word(one.verdict)
            lines.append(
                f"<p>{says}: “{escape(one.says)}” <i>({verdict})</i><br>"
                f"{here}: {escape(one.holds)} <i>{kind}</i></p>"
            )
        return "".join(lines)

    def _show_result(self, visit: Visit) -> None:
        state = self._tutor.state
        ask, hidden = visit.step.ask, visit.hidden
        self.guess.setVisible(ask is not None and hidden and visit.ready)
        if ask is not None and hidden:
            self.guess.show_ask(ask, _told(visit.question), self._language)
        judged = state.judged
        self.verdict.setVisible(judged is not None)
        if judged is not None:
            sign = "✓" if judged.right else "✗"
            color = self._tints.good if judged.right else self._tints.error
            said = self._word("yes" if judged.right else "no").format(judged.answer)
            self.verdict.setText(f"{sign} {said} {judged.why}".strip())
            self.verdict.setStyleSheet(f"color: {color}; font-weight: bold;")
        self._show_notice(visit, state.shown)
        self._show_working(visit)
        message = state.message
        self.message.setVisible(message is not None)
        if message is not None:
            self.message.setText(message.text)
            error = message.tone == "error"
            self.message.setStyleSheet(
                f"color: {self._tints.error if error else self._tints.faint};"
            )

    def _show_notice(self, visit: Visit, shown: Shown | None) -> None:
        if shown is None or visit.hidden:
            self.notice.setVisible(False)
            self.result.clear()
            return
        said = _told(visit.notice) or shown.text
        kind = self._word(shown.kind) if shown.kind else ""
        faint = self._tints.faint
        if self._tutor.state.from_shelf:
            kind = f"{kind}, {self._word('shelf')}"
        tag = f' <span style="color:{faint}">· <i>{kind}</i></span>' if kind else ""
        self.notice.setText(f"{escape(said)}{tag}")
        self.notice.setToolTip(self._word(f"{shown.kind}_tip") if shown.kind else "")
        self.notice.setStyleSheet(f"color: {self._tints.text};")
        self.notice.setVisible(bool(said or kind))
        if shown.plot is None and shown.table is None:
            self.result.clear()
            return
        if shown.title != self.result.title.text():
            self.result.clear()
        if shown.plot is not None:
            kinds = POINTS if shown.plot.points else LINE
            series = [
                Series(name, list(x), list(y), kinds) for name, (x, y) in shown.plot.series.items()
            ]
            plot = shown.plot
            self.result.show_plot(shown.title, series, plot.x_label, plot.y_label, plot.log)
        if shown.table is not None:
            table = shown.table
            self.result.show_table(shown.title, table.columns, table.rows, note=table.note)

    def _show_working(self, visit: Visit) -> None:
        state = self._tutor.state
        working = state.working
        self.bar.setVisible(working is not None)
        self.stop.setVisible(working is not None)
        self.live.setVisible(not visit.step.live and working is None)
        self.live.setToolTip(self._word("shelf_tip"))
        if working is not None:
            self.bar.setRange(0, working.total)
            self.bar.setValue(working.done)
            self.bar.setFormat(f"{working.what} %v / %m" if working.total else working.what)
            self.bar.setToolTip(working.what)

    def _open_help(self) -> None:
        visit = self._tutor.state.visit
        if visit is None:
            return
        lesson = visit.lesson
        docs = lesson.lesson.docs
        more = f"{self._word('more')}: {docs}" if docs else ""
        text = "\n\n".join(filter(None, (lesson.idea, lesson.caveat, self._word("keys"), more)))
        self._popup = HelpPopup(HelpText(lesson.title, text), self._tints, self)
        self._popup.open_at(self.help.mapToGlobal(self.help.rect().bottomLeft()))

    def _lay_out(self) -> None:
        for button in (self.text_button, self.own_button):
            button.setCheckable(True)
        where, running, ends = QWidget(), QWidget(), QWidget()
        flow(self.on, self.text_button, self.own_button, owner=where)
        flow(self.live, self.stop, owner=running)
        flow(self.reset, self.look, self.save, self.help, self.dots, owner=ends)
        column(
            self,
            self.title,
            self.idea,
            where,
            self.missing,
            self.step_text,
            self.guess,
            self.controls,
            self.verdict,
            self.notice,
            self.result,
            self.bar,
            running,
            self.message,
            self.caveat,
            self.loose,
            ends,
        ).setSpacing(7)

    def _connect(self) -> None:
        tutor = self._tutor
        self.text_button.clicked.connect(lambda _checked: tutor.use_own(False))
        self.own_button.clicked.connect(lambda _checked: tutor.use_own(True))
        self.controls.changed.connect(tutor.change)
        self.guess.guessed.connect(tutor.guess)
        self.guess.skipped.connect(tutor.skip)
        self.stop.clicked.connect(lambda _checked: tutor.stop())
        self.live.clicked.connect(lambda _checked: tutor.run_live())
        self.reset.clicked.connect(lambda _checked: tutor.reset())
        self.save.clicked.connect(lambda _checked: self.export.emit())
        self.look.clicked.connect(lambda _checked: self.inside.emit())
        self.help.clicked.connect(lambda _checked: self._open_help())
        tutor.clicked.connect(self.guess.take_place)


def _told(sentence: Any) -> str:
    """A sentence with the numbers of the answer; "" while these are those of another step."""
    try:
        return str(sentence())
    except LessonError as error:
        return str(error)


def _size(own: Laid) -> str:
    height, width = own.pixels.shape[:2]
    if not own.unit:
        return f"{height} × {width} px"
    return f"{height} × {width} px, {own.pixel_size[1]:.4g} {own.unit}/px"
