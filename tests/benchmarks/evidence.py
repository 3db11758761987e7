"""What was measured about Dice, by system: the rows that pages, targets and figures read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.baselines import BOOSTING, FOREST, ILASTIK
from benchmarks.comparing import Pick, Scores, is_picked, mean, scores, set_of
from benchmarks.quality import ALONE, HEAD, INSTANT, OWN, TUNED
from benchmarks.rows import Row
from benchmarks.scoring import Bins
from benchmarks.scratch import SCRATCH

IMAGES = (("same", "same image"), ("other", "another image"))
CLASSICAL = (FOREST, ILASTIK, BOOSTING)
_SUBJECT_OF = {
    **dict.fromkeys(CLASSICAL, "baselines"),
    **dict.fromkeys((HEAD, INSTANT), "instant"),
    SCRATCH: "scratch",
    **dict.fromkeys((TUNED, ALONE), "training"),
}


@dataclass(frozen=True)
class Evidence:
    """Rows by subject; ``only_unseen`` leaves the sets that pretraining never saw."""

    found: Mapping[str, Sequence[Row]]
    only_unseen: bool = False

    def rows(self, subject: str) -> list[Row]:
        """Rows of a subject, of the sets that count."""
        return [r for r in self.found.get(subject, ()) if r["unseen"] or not self.only_unseen]

    def scores(self, pick: Pick, value: str) -> dict[tuple[str, int], float]:
        """``value`` of a system by task and seed, without corrections."""
        return scores(self.rows(_SUBJECT_OF[pick.system]), pick, value)

    def bins(self, pick: Pick, column: str) -> list[Bins]:
        """Reliability of a system's answers, of those rows that hold it."""
        rows = [row for row in self.rows(_SUBJECT_OF[pick.system]) if column in row]
        return [row[column] for row in rows if is_picked(row, pick)]

    def at_the_start(self, strokes: int, value: str) -> Scores:
        """The instant answers that the trainings began with."""
        return scores(self.rows("training"), Pick(INSTANT, strokes), value)

    def corrected(self, pick: Pick, value: str) -> Scores:
        """``value`` of a system after ``pick.turn`` rounds of corrections."""
        subject = "own errors" if pick.system.endswith(OWN) else "corrective"
        return scores(self.rows(subject), pick, value)

    def strongest(self, strokes: int, value: str) -> str | None:
        """The classical system with the best mean where all of them were asked."""
        asked = {s: self.scores(Pick(s, strokes), value) for s in CLASSICAL}
        asked = {system: found for system, found in asked.items() if found}
        common = set.intersection(*(set(found) for found in asked.values())) if asked else set()
        if not common:
            return None
        return max(asked, key=lambda s: mean({key: asked[s][key] for key in common}))

    def numbers(self, subject: str, column: str) -> list[float]:
        """The different values of a column, in increasing order."""
        return sorted({row[column] for row in self.rows(subject)})

    def checkpoints_s(self) -> list[float]:
        """Seconds of training at which answers were looked at."""
        return sorted({row["seconds"] for row in self.rows("training") if row["system"] == TUNED})

    @property
    def unseen_sets(self) -> set[str]:
        """Names of the sets that pretraining never saw."""
        return {set_of(r["task"]) for rows in self.found.values() for r in rows if r.get("unseen")}
