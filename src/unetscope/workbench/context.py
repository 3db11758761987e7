"""What the parts of one window share."""

from __future__ import annotations

from dataclasses import dataclass

from unetscope.session.layers.project_layers import ProjectLayers
from unetscope.session.layers.result_layers import LayerLook, ResultLayers, classes_shown
from unetscope.session.provenance import Made
from unetscope.session.requests import Jobs, Target
from unetscope.session.state import Session
from unetscope.session.values import Message

LIVE_IMAGE_PX = 64_000_000  # of a plane; beyond this only the view is answered live
LIVE_VIEW_PX = 2048  # side of the middle of a view of such an image that is answered at once


@dataclass(frozen=True, eq=False)
class Context:
    """The state, the layers, the results and the engine of one window."""

    session: Session
    layers: ProjectLayers
    results: ResultLayers
    jobs: Jobs

    def look(self) -> LayerLook:
        """How results are shown just now."""
        session = self.session
        current = session.versions.current
        return LayerLook(
            session.show,
            session.opacity,
            session.classes,
            classes_shown(session.classes, session.current_class),
            current.number if current else 1,
            session.hidden_classes,
        )

    def target(self, key: str) -> Target:
        """The image ``key`` with what of it is on screen."""
        z, view = self.layers.visible(key)
        return Target(key, self.layers.learned_as(key), z, view, self.layers.seen_as(key))

    def made(self, target: Target) -> Made:
        """What is about to be asked: the present model, and where it is to look first."""
        session = self.session
        current, model = session.versions.current, session.model
        return Made(
            version=current.number if current else 1,
            model=model.title if model else "",
            plane=target.z,
            view=target.view,
            class_value=session.current_class,
            seen_at=session.seen_at.get(target.key, ""),
        )

    def say_what_was_answered(self) -> None:
        """Take into the state which planes were answered, where several are on screen together."""
        session, said = self.session, ""
        if session.image is not None and self.layers.shows_several_planes(session.image.key):
            said = self.results.answered(session.image.key, session.show)
        session.answered_of = said or self._only_the_middle()

    def _only_the_middle(self) -> str:
        """That a view of a large image is answered in its middle, where it is."""
        image = self.session.image
        if image is None or image.pixels <= LIVE_IMAGE_PX or image.key in self.session.predicted:
            return ""
        _, view = self.layers.visible(image.key)
        sides = view or tuple(slice(0, side) for side in image.spatial_shape[-2:])
        wide = any(side.stop - side.start > LIVE_VIEW_PX for side in sides)
        return "Of what is on screen, the middle is answered live." if wide else ""

    def tell(self, error: Exception, doing: str) -> None:
        """Show an error in words; what is not one of ours says what was being done."""
        self.session.message = Message.of(error, doing)
