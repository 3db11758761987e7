"""What happens when a person does something: the layers, the engine and the state, joined.

No pixel is drawn here; the panels are in :mod:`unetscope.widgets.painting`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from qtpy.QtCore import QObject

from unetscope.errors import UnetscopeError
from unetscope.images.questions import Answers, Question, Undecided
from unetscope.session.layers.brush import Brush
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.project_layers import layers_of
from unetscope.session.layers.result_layers import ResultLayers
from unetscope.session.requests import Jobs
from unetscope.session.results.mask import MASK
from unetscope.session.state import Session
from unetscope.session.values import EngineSettings, Message, Scope
from unetscope.workbench.accepter import Accepter
from unetscope.workbench.advisor import Advisor
from unetscope.workbench.annotation_files import AnnotationFiles
from unetscope.workbench.box_desk import BoxDesk
from unetscope.workbench.context import LIVE_IMAGE_PX, Context
from unetscope.workbench.folder_predictor import FolderPredictor
from unetscope.workbench.forgetting_guard import ForgettingGuard
from unetscope.workbench.growing_answers import GrowingAnswers
from unetscope.workbench.kept_strokes import KeptStrokes
from unetscope.workbench.live_answers import LiveAnswers
from unetscope.workbench.model_shelf import ModelShelf
from unetscope.workbench.pixel_size_desk import PixelSizeDesk
from unetscope.workbench.predictor import Predictor
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_desk import ProjectDesk
from unetscope.workbench.result_saver import ResultSaver
from unetscope.workbench.stroke_checker import StrokeChecker
from unetscope.workbench.through import Through
from unetscope.workbench.timers import single_shot
from unetscope.workbench.trainer import Trainer

OPEN_MODEL_MS = 300  # after the window has come up, so that torch does not slow it down
HAND_IN_MS = 1000  # of rest after a stroke, then a running training reads the strokes again
HAND_IN_LATEST_S = 15.0  # without rest: this often, for each time costs training a fresh start
SETTLE_MS = 200


class Workbench(QObject):
    """One viewer's session with everything that acts on it; :meth:`close` ends all of it."""

    def __init__(
        self,
        viewer: Any,
        jobs: Jobs,
        default_model: str,
        ask: Callable[[Question], str | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.session = Session()
        self.layers = layers_of(viewer)
        self.layers.begin_painting()
        self.brush = Brush(self.layers)
        self.results = ResultLayers(self.layers)
        self.context = Context(self.session, self.layers, self.results, jobs)
        project = ProjectContext(self.context, self)
        self.strokes = KeptStrokes(self.context, project.journal_place, self)
        self.project = ProjectDesk(self.context, project, self.strokes, self)
        self.answers = LiveAnswers(self.context, self)
        self.trainer = Trainer(self.context, self)
        self.growing = GrowingAnswers(self.context, project, self)
        self.predictor = Predictor(self.context, self.growing, self)
        self.folder_predictor = FolderPredictor(self.context, self.project.kept_answers, self)
        self.advisor = Advisor(self.context, self)
        self.accepter = Accepter(self.context, self.strokes.keeper, self)
        accepting = self.accepter.accepting
        own = (project, self.project.saver)
        self.boxes = BoxDesk(self.context, self.strokes, own, accepting, self)
        self.checker = StrokeChecker(self.context, self.advisor.marker, accepting, self)
        self.through = Through(self.context, self.accepter.accepting, self)
        self.shelf = ModelShelf(self.context, self)
        self.guard = ForgettingGuard(self.context, project, self)
        self.sizes = PixelSizeDesk(self.context, self)
        self.said: dict[tuple[str, ...], str] = {}  # kind of question -> answer, while napari runs
        kept = self.project.kept_answers
        self.annotations = AnnotationFiles(self.context, self.said, kept, self)
        files = (self.shelf, self.sizes, self.annotations)
        self.saver = ResultSaver(self.context, project, self)
        predictors = (self.predictor, self.growing, self.folder_predictor, self.saver)
        workers = (self.answers, self.trainer, *predictors, self.boxes, *files)
        self._parts = (self.advisor, self.checker, self.through, self.guard, *workers)
        self.answer = ask
        self._as_before = ""  # key of the labels that were adopted as was said of others
        self._default_model = default_model
        self._connections = Connections()
        self._closed = False
        self._waiting_since = 0.0
        self._open_timer = single_shot(self, OPEN_MODEL_MS, self._open_default)
        self._hand_in_timer = single_shot(self, HAND_IN_MS, self._hand_in)
        self._moved_timer = single_shot(self, SETTLE_MS, self.answers.ask)
        self._orphans_timer = single_shot(self, 0, self.layers.drop_orphans)
        self.project.begin()
        self._connect()
        self._images_changed()

    def _connect(self) -> None:
        connect = self._connections.connect
        connect(self.layers.images_changed, self._images_changed)
        connect(self.layers.activated, self.choose_image)
        connect(self.layers.painted, self.answers.touched)
        connect(self.layers.class_picked, self._class_picked)
        connect(self.layers.told, self._told)
        connect(self.layers.pixels_changed, self._pixels_changed)
        connect(self.layers.moved, self._moved)
        connect(self.layers.panned, self._panned)
        connect(self.strokes.keeper.changed, self.project.strokes_changed)
        self.annotations.answered.connect(self.project.remember)
        self.answers.strokes_read.connect(self._strokes_read)
        self.answers.strokes_read.connect(self.advisor.strokes_read)
        self.answers.strokes_read.connect(self.checker.strokes_read)
        self.answers.strokes_read.connect(self.boxes.strokes_read)
        self.boxes.learning_changed.connect(self.answers.learn_again)
        self.sizes.seen_otherwise.connect(self._seen_otherwise)
        self.project.intake.entered.connect(lambda key, _image_id: self.boxes.moved(key))
        self.checker.image_wanted.connect(self.choose_image)
        self.trainer.improved.connect(self._model_changed)
        self.shelf.replaced.connect(self._model_replaced)
        self.shelf.replaced.connect(self.advisor.begin_rounds_anew)
        self.shelf.replaced.connect(self.guard.dismiss)
        self.guard.image_wanted.connect(self.choose_image)
        self.guard.closed_image_wanted.connect(self.project.images.go_to)
        self.guard.version_wanted.connect(self._go_back_to)
        self.project.image_wanted.connect(self.choose_image)
        self.project.model_wanted.connect(self._open_project_model)
        self.project.gathered.connect(self.answers.count)
        self.project.gathered.connect(lambda: self.answers.ask())

    def close(self) -> None:
        """Stop every job and let go of the viewer, without waiting; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        timers = (self._open_timer, self._hand_in_timer, self._moved_timer, self._orphans_timer)
        for timer in timers:
            timer.stop()
        self.accepter.close()
        self.project.close()  # while strokes and layers can still be read
        self.strokes.close()
        for part in self._parts:
            part.close()
        self._connections.close()
        self.brush.close()
        self.layers.close()

    # ---- images

    def choose_image(self, key: str) -> None:
        """Work on another image."""
        session = self.session
        chosen = next((image for image in session.images if image.key == key), None)
        if chosen is None or chosen == session.image:
            return
        session.image = chosen
        self.strokes.open(key)
        self.boxes.look(key)
        self.sizes.look(key)
        self.growing.look(key)
        if session.message is not None or chosen.told:
            session.message = Message(chosen.told) if chosen.told else None
        self.answers.touched(key)
        self.answers.count()
        if session.model is None and not session.opening_model:
            self._open_timer.start()
        self._moved_timer.start()

    def step_image(self, step: int) -> None:
        """The next image or the one before, of the project or of those that are open."""
        rows = self.project.rows()
        if rows:
            at = next((i + step for i, row in enumerate(rows) if row.shown), 0)
            self.project.images.go_to(rows[at % len(rows)].image_id)
            return
        keys = [image.key for image in self.session.images]
        if self.session.image is not None and len(keys) > 1:
            key = keys[(keys.index(self.session.image.key) + step) % len(keys)]
            self.layers.activate(key)

    def read_as(self, key: str, axes: str) -> None:
        """Read a stack of planes as slices or as channels."""
        try:
            self.layers.read_as(key, axes)
        except UnetscopeError as error:
            self.context.tell(error, "Reading it in another way")

    def adopt(self, labels_key: str) -> None:
        """Paint on a labels layer that is there already.

        What was answered before serves again, and is said; where that layer is chosen once more,
        it is asked.
        """
        image, session = self.session.image, self.session
        if image is None:
            return
        remembered = self.said
        if labels_key == self._as_before:
            remembered, session.message = {}, None
        self._as_before, before = "", session.message
        answers, again = Answers(), ""
        while True:
            try:
                self.layers.adopt(image.key, labels_key, session.classes, answers)
                break
            except Undecided as undecided:
                question = undecided.question
                said = remembered.get(question.kind)
                if said is not None:
                    self._as_before, again = labels_key, question.words_of(said)
                said = said or self.answer(question)
                if said is None:
                    return
                self.said[question.kind] = said
                answers = answers.with_answer(question, said)
            except UnetscopeError as error:
                self.context.tell(error, "Painting on this layer")
                return
        self.layers.colour(session.classes)
        if again:
            note = f"{session.message.text} " if session.message not in (None, before) else ""
            session.message = Message(
                f"{note}As you said before: {again}. Choose the layer once more to be asked."
            )

    def take_settings(self, settings: EngineSettings) -> None:
        """Compute as ``settings`` say from now on; what could not be opened is tried again."""
        session = self.session
        self.context.jobs.settings = settings
        if session.model is None and not session.opening_model and session.image is not None:
            session.message = None
            self._open_timer.start()

    def _images_changed(self) -> None:
        session = self.session
        self._orphans_timer.start()
        session.images = self.layers.summaries()
        session.unreadable = self.layers.images.unreadable()
        if not self._closed:  # it may open journals
            self.boxes.look_at_all()
        keys = {image.key: image for image in session.images}
        if session.image is not None and session.image.key in keys:
            renewed = keys[session.image.key]
            if renewed != session.image:
                before, session.image = session.image, renewed
                self._moved_timer.start()
                if before.channels != renewed.channels:
                    self.answers.count()
                if renewed.notes and renewed.notes != before.notes and session.message is None:
                    session.message = Message(renewed.told)
            self.sizes.look(session.image.key)
            return
        active = self.layers.active_image()
        newest = session.images[-1].key if session.images else ""
        if not session.images:
            session.image = None
            session.painted = {}
            self.answers.stop()
        else:
            self.choose_image(active if active in keys else newest)

    # ---- classes

    def paint_with(self, value: int) -> None:
        """Put a class into the brush; the strokes layer is made at the first time."""
        session = self.session
        if session.class_of(value) is None:
            return
        changed = session.current_class != value
        session.choose_class(value)
        if session.image is not None:
            try:
                self.brush.take(session.image.key, value, session.classes)
            except UnetscopeError as error:
                self.context.tell(error, "Painting")
        if changed and session.image is not None:
            self.restyle()

    def choose_place(self, place: int) -> None:
        """Put the class at a place of the table (from 1) into the brush."""
        if place <= len(self.session.classes):
            self.paint_with(self.session.classes[place - 1].value)

    def add_class(self) -> None:
        """Add a class and put it into the brush."""
        added = self.session.add_class()
        self.layers.colour(self.session.classes)
        self.paint_with(added.value)

    def change_class(
        self, value: int, *, name: str | None = None, color: str | None = None
    ) -> None:
        """Rename or recolour a class, everywhere it is shown."""
        self.session.change_class(value, name=name, color=color)
        self.layers.colour(self.session.classes)
        self.restyle()

    def delete_class(self, value: int) -> None:
        """Remove a class with its strokes; undo in the image brings both back."""
        if len(self.session.classes) < 2:
            return
        self.session.remove_class(value)
        self.layers.erase_class(value)
        self.paint_with(self.session.current_class)

    def switch_eye(self, value: int) -> None:
        """Hide a class in the answers, or show it again."""
        self.session.switch_eye(value)
        self.restyle()

    def _told(self, text: str) -> None:
        self.session.message = Message(text)

    def _class_picked(self, value: int) -> None:
        """A label was chosen in napari's own controls: 0 erases, a new one is not a class yet."""
        before = self.session.current_class
        self.session.choose_class(value)
        if self.session.current_class != before:
            self.restyle()

    def resize_brush(self, *, larger: bool) -> None:
        """One step of the brush on the present image."""
        if self.session.image is not None:
            self.brush.resize(self.session.image.key, larger=larger)

    # ---- what is shown

    def set_live(self, on: bool) -> None:
        """Switch live answers on or off."""
        self.session.live = on
        if on:
            self.answers.ask()
        else:
            self.answers.stop()

    def restyle(self) -> None:
        """Show kind, colours and opacity as chosen; ask for what is not there yet."""
        self.set_opacity()
        if self.session.show is not MASK:
            self.answers.ask_soon()

    def set_opacity(self) -> None:
        """Take opacity and colours over to the result layers."""
        for image in self.session.images:
            self.results.restyle(image.key, self.context.look())

    # ---- learning

    def train_or_stop(self) -> None:
        """The key of the Train button: starts, or stops what runs."""
        if self.session.training.busy:
            self.trainer.stop()
        else:
            self.train()

    def train(self, *, anew: bool = False) -> None:
        """Train on the strokes as they are this moment; ``anew``: forget earlier trainings."""
        self.answers.look()
        self.strokes.keeper.sweep()
        with self.layers.whole_project():
            self.trainer.start(anew=anew)

    def predict(self, scope: Scope) -> None:
        """Predict with the newest model."""
        self.answers.look()
        if scope is Scope.PROJECT:
            self.project.predictor.start()
        else:
            self.predictor.start(scope)

    def predict_folder(self, source: Path, folder: Path) -> None:
        """Predict the images in a folder that are not open, into another folder."""
        self.answers.look()
        self.folder_predictor.start(source, folder)

    def open_file(self, path: Path) -> None:
        """Open an image beside those that are open."""
        try:
            self.layers.open_file(path)
        except (UnetscopeError, OSError, ValueError) as error:
            self.context.tell(error, f"Opening {path.name}")

    def stop_predicting(self) -> None:
        """Stop; what is predicted already stays."""
        self.predictor.stop()
        self.folder_predictor.stop()
        self.saver.stop()
        self.project.predictor.stop()

    def _go_back_to(self, number: int) -> None:
        """Let a version answer as it was; newer ones are kept to go forward to.

        Live answers are switched off: they would learn the strokes painted since at once.
        """
        session = self.session
        self.set_live(False)
        while session.versions.current is not None and session.versions.current.number > number:
            self.shelf.step(back=True)  # which takes the guard's warning away
        self.predict(Scope.ALL)  # what is on screen is another version's
        session.message = Message(
            f"Version {number} answers as it was. ▶ goes forward again, Live learns from your "
            "newer strokes."
        )

    def _open_project_model(self, path: Path, title: str, project: str) -> None:
        self.shelf.open_titled(path, title, f"Opening the model of {project}")

    def _strokes_read(self) -> None:
        self.strokes.keeper.commit()  # before anything learns from them
        if not self.session.training.busy:
            return
        if not self._hand_in_timer.isActive():
            self._waiting_since = monotonic()
        if monotonic() - self._waiting_since < HAND_IN_LATEST_S:
            self._hand_in_timer.start()  # begins anew with each stroke

    def _hand_in(self) -> None:
        with self.layers.whole_project():
            self.trainer.hand_in()

    def _pixels_changed(self, key: str) -> None:
        """An image got other pixels: what was learned and answered on the old ones is void."""
        self.answers.forget()
        if self.session.image is not None and self.session.image.key == key:
            self._moved_timer.start()
            self.sizes.look(key)

    def _seen_otherwise(self) -> None:
        """Models see an image at another pixel size: what was predicted by name is no longer so."""
        self.session.predicted = {}
        self.answers.learn_again()

    def _moved(self) -> None:
        self.context.say_what_was_answered()
        if self.session.image is not None and self.session.image.depth > 1:
            self._moved_timer.start()

    def _panned(self) -> None:
        """Of a very large image only what is on screen is answered: answer what has come there."""
        image = self.session.image
        if image is not None and image.pixels > LIVE_IMAGE_PX:
            self._moved_timer.start()

    def _model_changed(self) -> None:
        self.set_opacity()
        self.answers.ask(quick_first=False)

    def _model_replaced(self) -> None:
        self.answers.forget()
        model = self.session.model.model if self.session.model is not None else None
        self.layers.answer_grey(on=model is not None and model.can_answer and model.channels == 1)
        self._model_changed()

    def _open_default(self) -> None:
        session = self.session
        if session.model is None and not session.opening_model and session.image is not None:
            self.shelf.open_bundled(self._default_model)
