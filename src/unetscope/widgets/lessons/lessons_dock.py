"""The dock widget "Lessons": every idea of the texts at work on one's own micrograph."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QLabel, QWidget

from unetscope.lessons.lesson_files import LANGUAGES
from unetscope.session.layers.connections import Connections
from unetscope.session.lessons.learner_record import LearnerRecord
from unetscope.widgets.kit.arranging import row
from unetscope.widgets.kit.docked_panel import DockedPanel
from unetscope.widgets.kit.looks import quiet, small_button, theme_tints
from unetscope.widgets.lessons.dock_words import word
from unetscope.widgets.lessons.gallery_page import GalleryPage
from unetscope.widgets.lessons.hand_over import open_inside
from unetscope.widgets.lessons.lesson_keys import LessonKeys
from unetscope.widgets.lessons.lesson_page import LessonPage
from unetscope.workbench.folders import start_folder, used_folder
from unetscope.workbench.lessons.keeper import Keeper
from unetscope.workbench.lessons.tutor import Tutor


class LessonsDock(DockedPanel):
    """A gallery of lessons; each one is done on the text's numbers or on one's own image.

    Parameters
    ----------
    napari_viewer
        The viewer (napari hands it in).
    folders
        More folders of lessons.
    record
        What is kept of the learner; the user's own file where nothing is said.
    classroom
        Whether it is for a projector: the arrow keys are always those of the lesson.
    """

    preferred_width = 380

    def __init__(
        self,
        napari_viewer: Any,
        folders: Iterable[Path] = (),
        record: LearnerRecord | None = None,
        *,
        classroom: bool = False,
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._connections, self._classroom = Connections(), classroom
        self.tutor = Tutor(napari_viewer, self, folders, record)
        self.state = self.tutor.state
        self.keeper = Keeper(self.tutor, self)
        tints = theme_tints(napari_viewer.theme)
        self.home = small_button("⌂", "")
        self.back, self.next = small_button("\u2039", ""), small_button("\u203a", "")
        self.place = quiet(QLabel())
        self.languages = {name: small_button(name.upper(), name) for name in LANGUAGES}
        self.gallery = GalleryPage(self.tutor, tints)
        self.page = LessonPage(self.tutor, tints)
        if classroom:
            self.tutor.stage.layers.text_size = 24
        self.keys = LessonKeys(
            napari_viewer,
            {
                "lesson_next": self.go_on,
                "lesson_back": self.tutor.go_back,
                "lesson_reset": self.tutor.reset,
                "lesson_own": self.change_image,
                "lesson_gallery": self.tutor.leave,
            },
            always=classroom,
        )
        self.keys.add_to(self)
        self.lay_out(self._head(), (self.gallery, self.page))
        self._connect()
        self.set_tints()

    def open_lesson(self, wanted: str, step: int | None = None) -> None:
        """Open a lesson by its id or number."""
        self.tutor.open(wanted, step)

    def go_on(self) -> None:
        """The next step; from the gallery the first lesson that is not done."""
        if self.state.visit is not None:
            self.tutor.go_on()
            return
        lessons = self.state.gallery.lessons
        left = [one for one in lessons if not self.tutor.record.is_done(one)]
        for lesson in (left or lessons)[:1]:
            self.tutor.open(lesson.id)

    def change_image(self) -> None:
        """One's own image where it is the text's numbers, and the other way round."""
        if self.state.visit is not None:
            self.tutor.use_own(self.state.visit.own is None)

    def set_tints(self) -> None:
        """Follow the theme."""
        tints = theme_tints(self._viewer.theme)
        self.place.setStyleSheet(f"color: {tints.faint};")
        self.gallery.set_tints(tints)
        self.page.set_tints(tints)
        self.refresh()

    def refresh(self, signal: str = "") -> None:
        """Show the state; ``signal`` is what has changed."""
        visit, language = self.state.visit, self.state.language
        if signal in ("", "turn", "visit", "gallery", "language", "progress"):
            self.gallery.setVisible(visit is None)
            self.page.setVisible(visit is not None)
            for part in (self.back, self.next):
                part.setVisible(visit is not None)
            for name, button in self.languages.items():
                button.setChecked(name == language)
            self.home.setToolTip(f"{word('gallery', language)} (G)")
            self.back.setToolTip(f"{word('back', language)} (←)")
            self.next.setToolTip(f"{word('next', language)} (→)")
            self.place.setText(self._where())
            self.keys.take(on=visit is not None or self._classroom)
        if visit is None:
            self.gallery.refresh()
        else:
            self.page.refresh(signal)

    # ---- keeping and handing over

    def export(self) -> None:
        """Ask for a folder and write the step into it."""
        start = str(start_folder("lessons", None))
        chosen = QFileDialog.getExistingDirectory(self, "Export this step into a folder", start)
        if chosen:
            used_folder("lessons", Path(chosen) / "step")
            self.keeper.export_to(Path(chosen))

    def look_inside(self) -> None:
        """Open *Look inside* on what the lesson looked at."""
        open_inside(self._viewer, self.tutor)

    # ---- ending

    def taken_out(self) -> None:
        """The panel is gone and the viewer stays: the screen is as it was."""
        self.tutor.leave()
        super().taken_out()

    def shut_down(self) -> None:
        """End all work and let go of the viewer; called when the window or napari closes."""
        self._connections.close()
        self.keys.close()
        self.keeper.close()
        self.tutor.close()

    # ---- inside

    def _head(self) -> QWidget:
        head = QWidget()
        parts = (self.home, self.back, self.place, self.next, *self.languages.values())
        row(*parts, owner=head, stretched=(2,)).setSpacing(3)
        for name, button in self.languages.items():
            button.setCheckable(True)
            button.clicked.connect(lambda _checked, name=name: self._speak(name))
        return head

    def _speak(self, language: str) -> None:
        self.tutor.speak(language)
        self.refresh()

    def _where(self) -> str:
        visit, language = self.state.visit, self.state.language
        if visit is None:
            count = len(self.state.gallery.lessons)
            return f"{word('gallery', language)} · {count}"
        of, minutes = word("of", language), word("minutes", language)
        about = visit.lesson.lesson
        total = len(self.state.gallery.lessons)
        return f"{self.state.number} {of} {total} · {about.minutes} {minutes}"

    def _connect(self) -> None:
        self._connections.connect(self.state.events, self._changed)
        self._connections.connect(self._viewer.events.theme, lambda _event: self.set_tints())
        self._connections.connect(self._viewer.layers.events.removing, self.make_canvas_current)
        self.home.clicked.connect(lambda _checked: self.tutor.leave())
        self.back.clicked.connect(lambda _checked: self.tutor.go_back())
        self.next.clicked.connect(lambda _checked: self.tutor.go_on())
        self.page.export.connect(self.export)
        self.page.inside.connect(self.look_inside)
        self.destroyed.connect(self.tutor.close)

    def _changed(self, change: Any) -> None:
        self.refresh(change.signal.name)
        if change.signal.name == "turn" and self.state.visit is not None:
            self.bring_into_view(self.page.title)
