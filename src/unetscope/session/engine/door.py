"""The one door to the engine: a request goes in, events come out, and torch is loaded behind it.

Nothing here imports torch; the first job does, in the worker's thread. A job never touches a
layer, a viewer or a session: it gets copies and yields events.
"""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any

from unetscope.session import requests
from unetscope.session.values import EngineSettings

if TYPE_CHECKING:
    from unetscope.session.engine.shared import Shared

#: Kind of request -> the file of this room and the function in it that does the job.
JOBS = {
    requests.BundledRequest: "opening.open_bundled",
    requests.SourcesRequest: "opening.find_sources",
    requests.SourceRequest: "opening.open_with_source",
    requests.LoadRequest: "opening.load",
    requests.SaveRequest: "opening.save",
    requests.WarmRequest: "answering.warm",
    requests.AnswerRequest: "answering.answer",
    requests.TrainRequest: "training.train",
    requests.PredictRequest: "answering.predict",
    requests.GrowRequest: "growing.grow",
    requests.UnfinishedRequest: "growing.unfinished",
    requests.WriteRequest: "writing.write",
    requests.FilesRequest: "writing.write_files",
    requests.ResultsRequest: "saving_results.save_results",
    requests.PlacesRequest: "advising.rank_places",
    requests.StrokesRequest: "advising.check_strokes",
    requests.PropagateRequest: "advising.propagate",
    requests.CompareRequest: "comparing.compare_versions",
    requests.CheckRequest: "checking.check_boxes",
}


class EngineDoor:
    """The real engine of one window; its jobs share one feature cache."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self._shared: Shared | None = None
        self._making = Lock()

    def do(self, request: Any) -> Generator[Any, Any, None]:
        """Do what a request asks for, and yield its events."""
        with self._making:
            shared = self._shared = self._shared or room("shared").Shared(self.settings)
        shared.settings = self.settings
        file, _, job = JOBS[type(request)].partition(".")
        yield from getattr(room(file), job)(shared, request)


def room(file: str) -> Any:
    """A file of this room, which is loaded now if need be: with torch, that takes seconds."""
    return import_module(f"unetscope.session.engine.{file}")
