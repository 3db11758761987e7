"""The state the widgets share: one per viewer, changed on the GUI thread only.

Engine events enter through :meth:`Session.apply`, the one reducer; what a person clicks sets a
field or calls one of the small methods below. Each field has its psygnal signal in
``session.events``; :mod:`unetscope.session.guidance` derives from a session what can be pressed and
what the status line says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import SignalGroupDescriptor

from unetscope.images.classes import PALETTE, LabelClass, default_name, free_color
from unetscope.learning.end_reason import EndReason
from unetscope.learning.events import (
    EpochDone,
    Finished,
    HeadFitted,
    Notice,
    Started,
    StepDone,
    Surprise,
    TileDone,
)
from unetscope.session.curves import Curves
from unetscope.session.result_kind import ResultKind
from unetscope.session.results.mask import MASK
from unetscope.session.values import (
    BUDGETS,
    BatchStatus,
    Budget,
    CheckStatus,
    ImageSummary,
    Message,
    ModelInUse,
    NewestNetwork,
    Phase,
    PredictionStatus,
    SizeLine,
    TrainingStatus,
    UnfinishedAnswer,
)
from unetscope.session.versions import Versions, is_change

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel

BACKGROUND = "background"  # a class of this name covers most of an image and is left clear
STARTING_CLASSES = (
    LabelClass(1, BACKGROUND, PALETTE[0]),
    LabelClass(2, "object", PALETTE[1]),
)

MOST_FOUND = 32  # label values that become classes at a time


@dataclass
class Session:
    """What is open, painted, learned and shown.

    ``painted`` maps class value to labelled pixels of all images that are learned from. ``model``
    is the newest model, which answers; ``versions`` holds those that can be gone back to.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    images: tuple[ImageSummary, ...] = ()
    unreadable: tuple[str, ...] = ()  # image layers that cannot be painted on, with the reason
    image: ImageSummary | None = None
    classes: tuple[LabelClass, ...] = STARTING_CLASSES
    found_classes: tuple[LabelClass, ...] = ()  # made for labels that had none
    removed_classes: Mapping[int, LabelClass] = field(default_factory=dict)
    current_class: int = 1  # the class chosen last
    brush_label: int = 1  # what the brush paints: that class, 0 for an eraser, or no class yet
    eyes: Mapping[int, bool] = field(default_factory=dict)  # class value -> shown, as chosen
    painted: Mapping[int, int] = field(default_factory=dict)
    live: bool = True
    answering: bool = False
    show: ResultKind = MASK
    opacity: float = 0.45
    budget: Budget = BUDGETS[0]
    training: TrainingStatus = field(default_factory=TrainingStatus)
    prediction: PredictionStatus = field(default_factory=PredictionStatus)
    size_choice: Mapping[str, str] = field(default_factory=dict)  # image key -> resample, as-is
    size_line: SizeLine | None = None  # of the image on screen
    seen_at: Mapping[str, str] = field(default_factory=dict)  # image key -> size, where resampled
    unfinished: Mapping[str, UnfinishedAnswer] = field(default_factory=dict)  # by image key
    model: ModelInUse | None = None
    model_failed: bool = False  # the last try to open a model failed, so none is there
    opening_model: str = ""  # the title of a model that is being opened, "" when none
    versions: Versions = field(default_factory=Versions)
    curves: Curves = field(default_factory=Curves)
    seen: frozenset[str] = frozenset()  # keys of the images on which this model's answer is drawn
    predicted: Mapping[str, int] = field(default_factory=dict)  # image key -> serial of the model
    surprises: Mapping[str, Surprise] = field(default_factory=dict)  # image key -> unlike training
    outcomes: Mapping[str, str] = field(default_factory=dict)  # image key -> what came of it
    answered_of: str = ""  # which part was answered, where more is on screen
    trained_image: str = ""  # key of the image that was on screen when training ended
    message: Message | None = None
    device: str = ""
    trained_from: PixelModel | None = None  # the model that the last training began with
    check: CheckStatus = field(default_factory=CheckStatus)
    batch: BatchStatus = field(default_factory=BatchStatus)
    newest: NewestNetwork | None = None  # of the present or last training, better or not

    # ---- events of the engine

    def apply(self, event: Any) -> None:
        """Take one event of the engine into the state; unknown kinds are refused."""
        match event:
            case Started():
                self._training_started(event)
            case StepDone():
                self.curves = self.curves.with_step(event)
                self.training = replace(self.training, seconds=event.seconds)
            case EpochDone():
                self._epoch_done(event)
            case HeadFitted():
                self.use_model(self._with_head(event.model))
            case Finished():
                self._training_finished(event)
            case TileDone():
                if self.prediction.busy:
                    self.prediction = replace(self.prediction, done=event.done, total=event.total)
            case Notice():
                self.message = Message(event.text)
            case _:
                raise TypeError(f"a session does not know the event {type(event).__name__}")

    def _training_started(self, event: Started) -> None:
        self.device = event.device
        self.training = replace(
            self.training,
            phase=self.training.phase if self.training.phase is Phase.STOPPING else Phase.RUNNING,
            device=event.device,
            precision=event.precision,
            held_back_px=event.validation_pixels,
            note=event.validation_note,
        )

    def _epoch_done(self, event: EpochDone) -> None:
        self.curves = self.curves.with_epoch(event)
        if event.newest is not None:
            self.newest = NewestNetwork(event.epoch, event.newest)
        best = event.epoch if event.improved else self.training.best_epoch
        self.training = replace(
            self.training,
            epoch=event.epoch,
            seconds=event.seconds,
            best_epoch=best,
            network_weight=event.network_weight,
            validation=event.validation or self.training.validation,
        )
        self.use_model(self._with_network(event.model))

    def _training_finished(self, event: Finished) -> None:
        model = self._with_network(event.model)
        self.training = replace(
            self.training,
            phase=Phase.IDLE,
            reason=event.reason,
            seconds=event.seconds,
            best_epoch=event.best_epoch,
            validation=event.validation or self.training.validation,
            **self._outcome(model),
        )
        self.use_model(model)
        self._keep_trained(model)

    def _outcome(self, model: PixelModel | None) -> dict[str, Any]:
        """What a training that ends with ``model`` leaves in its status."""
        current = self.versions.current
        number = current.number if current is not None else 0
        if model is not None and is_change(self.trained_from, model, live=self.live):
            number = self.versions.last_number + 1
        return {"version": number, "painted": dict(self.painted)}

    def _keep_trained(self, model: PixelModel) -> None:
        """A new version, where training has changed what is answered."""
        if is_change(self.trained_from, model, live=self.live):
            self.keep_version(f"trained {self.training.seconds:.0f} s")
        self.trained_from = None

    def _with_head(self, fitted: PixelModel) -> PixelModel:
        """The newest instant head joined to the newest network: they come from two threads."""
        known = self.model.model if self.model else None
        if known is None or known.network is None:
            return fitted
        return known.with_head_of(fitted)

    def _with_network(self, trained: PixelModel) -> PixelModel:
        """The newest network joined to the instant head, which knows the strokes of just now."""
        known = self.model.model if self.model else None
        if known is None or known.instant.head is None or not self.live:
            return trained
        return known.with_network_of(trained)

    # ---- training, as a person starts and ends it

    def begin_training(self) -> None:
        """Train was pressed: forget the last curves and wait for the first event."""
        self.message = None
        self.newest = None
        self.trained_from = self.model.model if self.model else None
        self.curves = Curves()
        self.training = TrainingStatus(phase=Phase.STARTING, budget_s=self.budget.seconds)

    def end_training(self) -> None:
        """The training has ended without a last word (stopped or failed): keep the best so far."""
        stopped = self.training.phase is Phase.STOPPING
        model = self.model.model if self.model and self.training.epoch else None
        self.training = replace(
            self.training,
            phase=Phase.IDLE,
            reason=EndReason.STOPPED if stopped else "",
            **self._outcome(model),
        )
        if model is not None:
            self._keep_trained(model)

    def set_phase(self, phase: Phase) -> None:
        """Pause, resume or stop was pressed, or the worker has ended."""
        self.training = replace(self.training, phase=phase)

    # ---- models and versions

    def use_model(
        self, model: PixelModel, title: str | None = None, *, saved: bool = False
    ) -> None:
        """Make ``model`` the one that answers."""
        serial = self.model.serial + 1 if self.model else 1
        known = title or (self.model.title if self.model else "")
        self.model = ModelInUse(serial, known, model, saved)

    def take_model(self, model: PixelModel, title: str, *, loaded: bool) -> None:
        """A model was opened; a loaded one brings its classes along."""
        self.message = None
        self.newest = None
        self.training = TrainingStatus()
        self.curves = Curves()
        if loaded and model.classes:
            own = {c.value for c in model.classes}
            kept = [c for c in self.classes if c.value not in own and self.painted.get(c.value)]
            self.classes = tuple(sorted((*model.classes, *kept), key=lambda c: c.value))
            if self.class_of(self.current_class) is None:
                self.choose_class(self.classes[0].value)
        self.use_model(model, title, saved=loaded)
        self.seen = frozenset()
        self.keep_version(f"opened {title}")

    def model_saved(self, serial: int, title: str) -> None:
        """The model with this serial lies in a file now; a newer one does not."""
        if self.model is not None and self.model.serial == serial:
            self.model = replace(self.model, title=title, saved=True)
            self.versions = self.versions.saved_as(title)

    def keep_version(self, note: str) -> None:
        """Keep the present model as a new version."""
        if self.model is not None:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            number = self.versions.last_number + 1
            kept = self.model.model.with_provenance(version=number)
            self.model = replace(self.model, model=kept)
            self.versions = self.versions.added(
                kept, note, now, self.model.title, saved=self.model.saved
            )

    def step_version(self, *, back: bool) -> None:
        """Go one version back or forward and make it the model that answers."""
        moved = self.versions.gone_back() if back else self.versions.gone_forward()
        if moved != self.versions and moved.current is not None:
            self.versions, to = moved, moved.current
            self.seen = frozenset()
            lacking = [c for c in to.model.classes if self.class_of(c.value) is None]
            if lacking:
                self.classes = tuple(sorted((*self.classes, *lacking), key=lambda c: c.value))
            self.use_model(to.model, to.title or None, saved=to.saved)

    def note_outcome(self, key: str, words: str) -> None:
        """Keep what was measured or saved last of the image ``key``, in a few words."""
        self.outcomes = {**self.outcomes, key: words}

    # ---- classes

    def class_of(self, value: int) -> LabelClass | None:
        """The class with this label value, or None."""
        return next((c for c in self.classes if c.value == value), None)

    @property
    def hidden_classes(self) -> frozenset[int]:
        """Values of the classes that an answer leaves clear: the background, unless chosen."""
        return frozenset(
            c.value
            for c in self.classes
            if not self.eyes.get(c.value, c.name.strip().lower() != BACKGROUND)
        )

    def switch_eye(self, value: int) -> None:
        """Hide a class in the answer, or show it again."""
        self.eyes = {**self.eyes, value: value in self.hidden_classes}

    def choose_class(self, label: int) -> None:
        """The brush paints ``label`` from now on; 0 erases, and a label may become a class yet."""
        self.brush_label = label
        if self.class_of(label) is not None:
            self.current_class = label

    def add_class(self, name: str | None = None, value: int | None = None) -> LabelClass:
        """Add a class with the next free value (or ``value``) and a colour of its own.

        A class that was removed comes back as it was when its value is painted again (undo).
        """
        if value is not None and value in self.removed_classes:
            restored = self.removed_classes[value]
            self.classes = tuple(sorted((*self.classes, restored), key=lambda c: c.value))
            return restored
        taken = {c.value for c in self.classes} | set(self.removed_classes)
        value = value or max(taken, default=0) + 1
        color = free_color(value, (c.color for c in self.classes))
        added = LabelClass(value, name or default_name(value), color)
        self.classes = tuple(sorted((*self.classes, added), key=lambda c: c.value))
        return added

    def find_classes(self, painted: Mapping[int, int]) -> None:
        """Labels without a class become classes, all in one change of the table.

        Those that were found so and are painted no more go again, unless they were renamed.
        """
        known = {c.value for c in self.classes}
        new = [value for value in painted if value not in known]
        gone = {c.value for c in self.classes if c in self.found_classes and c.value not in painted}
        if not new and not gone:
            return
        used = {c.color.lower() for c in self.classes}
        free = [color for color in PALETTE if color.lower() not in used]
        added = []
        for value in new[:MOST_FOUND]:
            color = free.pop(0) if free else PALETTE[(value - 1) % len(PALETTE)]
            added.append(
                self.removed_classes.get(value) or LabelClass(value, default_name(value), color)
            )
        kept = [c for c in self.classes if c.value not in gone]
        if self.current_class in gone and kept:
            self.current_class = kept[-1].value
        self.found_classes = (*(c for c in self.found_classes if c.value not in gone), *added)
        self.classes = tuple(sorted((*kept, *added), key=lambda c: c.value))
        if len(new) > MOST_FOUND:
            self.message = Message(
                f"{len(new):,} label values have no class; the first {MOST_FOUND} became classes. "
                "Numbers of objects belong on a layer of their own."
            )

    def change_class(
        self, value: int, *, name: str | None = None, color: str | None = None
    ) -> None:
        """Rename or recolour a class; an empty name changes nothing."""
        self.classes = tuple(
            replace(c, name=(name or "").strip() or c.name, color=color or c.color)
            if c.value == value
            else c
            for c in self.classes
        )

    def remove_class(self, value: int) -> None:
        """Drop a class; its strokes are the layers' affair."""
        removed = self.class_of(value)
        if removed is not None:
            self.removed_classes = {**self.removed_classes, value: removed}
        self.classes = tuple(c for c in self.classes if c.value != value)
        if self.current_class == value and self.classes:
            self.choose_class(self.classes[0].value)
