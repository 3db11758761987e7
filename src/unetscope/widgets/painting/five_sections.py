"""The five sections of the dock from top to bottom, and the panels of each: the list to extend."""

from __future__ import annotations

from unetscope.session.sections import HeadWords, Section
from unetscope.widgets.kit.section_panel import SectionPanel
from unetscope.widgets.painting.advanced_panel import AdvancedPanel
from unetscope.widgets.painting.annotation_panel import AnnotationPanel
from unetscope.widgets.painting.balance_line import BalanceLine
from unetscope.widgets.painting.batch_panel import BatchPanel
from unetscope.widgets.painting.box_panel import BoxPanel
from unetscope.widgets.painting.brush_panel import BrushPanel
from unetscope.widgets.painting.classes_panel import ClassesPanel
from unetscope.widgets.painting.growing_line import GrowingLine
from unetscope.widgets.painting.helpers_panel import HelpersPanel
from unetscope.widgets.painting.image_panel import ImagePanel
from unetscope.widgets.painting.model_panel import ModelPanel
from unetscope.widgets.painting.plot_panel import PlotPanel
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from unetscope.widgets.painting.result_save_panel import ResultSavePanel
from unetscope.widgets.painting.save_panel import SavePanel
from unetscope.widgets.painting.size_match_line import SizeMatchLine
from unetscope.widgets.painting.training_panel import TrainingPanel
from unetscope.widgets.painting.view_panel import ViewPanel
from unetscope.widgets.project.project_panel import ProjectPanel
from unetscope.workbench.workbench import Workbench


class ImageSection(SectionPanel):
    """Which image is worked on, and the project it is in."""

    SECTION = Section.IMAGE
    PARTS = (ImagePanel, ProjectPanel)

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._project = work.project
        work.project.changed.connect(self.refresh)

    def words(self) -> HeadWords:
        """The image, and its place among those of the project."""
        told = super().words()
        rows = self._project.rows()
        at = next((place for place, row in enumerate(rows, 1) if row.shown), 0)
        return HeadWords(told.words, f"{at} of {len(rows)} · {told.end}") if at else told


class PaintSection(SectionPanel):
    """Classes, the brush, and what helps with painting."""

    SECTION = Section.PAINT
    PARTS = (ClassesPanel, BalanceLine, BrushPanel, AnnotationPanel, HelpersPanel)

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        classes, _, _, labels, _ = self.parts
        if isinstance(classes, ClassesPanel) and isinstance(labels, AnnotationPanel):
            classes.below.addWidget(labels.import_button)  # one more way to come by labels


class LearnSection(SectionPanel):
    """Training and the model."""

    SECTION = Section.LEARN
    PARTS = (TrainingPanel, PlotPanel, ModelPanel, AdvancedPanel)


class ResultSection(SectionPanel):
    """What the model answers, and how that is shown."""

    SECTION = Section.RESULT
    PARTS = (SizeMatchLine, PredictionPanel, GrowingLine, ViewPanel, BoxPanel, BatchPanel)


class SaveSection(SectionPanel):
    """What is measured and saved."""

    SECTION = Section.SAVE
    PARTS = (SavePanel, ResultSavePanel)

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        one, several = self.parts
        if isinstance(one, SavePanel) and isinstance(several, ResultSavePanel):
            several.below.addWidget(one.save_button)


SECTIONS: tuple[type[SectionPanel], ...] = (
    ImageSection,
    PaintSection,
    LearnSection,
    ResultSection,
    SaveSection,
)
