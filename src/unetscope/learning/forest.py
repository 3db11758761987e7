"""A random forest on the classical filters, as the second voice beside the instant head.

It keeps the labelled rows it was grown from instead of its trees: growing them again is fast and
repeatable, so a model file needs no pickle.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.ensemble import RandomForestClassifier

MAX_ROWS = 20_000
TREES, _DEPTH = 50, 10
_FEW_ROWS = 20  # of which every tree gets a draw of full size


class PixelForest:
    """A forest that answers rows of classical features with class probabilities.

    Parameters
    ----------
    rows : (n, feature) float32; targets : (n,) class indices, all classes 0 … K - 1 present.
    seed : the forest is a function of rows, targets and seed.
    """

    def __init__(
        self, rows: np.ndarray, targets: np.ndarray, seed: int = 0, *, trees: int = TREES
    ) -> None:
        self.rows, self.targets, self.seed, self.trees = rows, targets, seed, trees
        # A lock of its own: functools.cached_property of Python 3.11 has one for all forests, and
        # the forest of a training would keep that of a stroke waiting.
        self._lock = threading.Lock()
        self._grown: RandomForestClassifier | None = None

    @property
    def _trees(self) -> RandomForestClassifier:
        with self._lock:
            if self._grown is None:
                self._grown = self._fitted()
            return self._grown

    def _fitted(self) -> RandomForestClassifier:
        # Half of the rows a tree; balanced, since some classes get many more strokes than others.
        forest = RandomForestClassifier(
            n_estimators=self.trees,
            max_depth=_DEPTH,
            max_samples=0.5 if len(self.rows) >= _FEW_ROWS else None,
            class_weight="balanced",
            random_state=self.seed,
            n_jobs=1,
        )
        return forest.fit(self.rows, self.targets)

    def grow(self) -> PixelForest:
        """Grow the trees now instead of at the first question."""
        _ = self._trees
        return self

    def probabilities(self, rows: np.ndarray, threads: int = 1) -> np.ndarray:
        """(n, class) float32. The same for any number of ``threads``: each takes whole rows."""
        trees = self._trees
        if threads == 1 or len(rows) < 4096:
            return trees.predict_proba(rows).astype(np.float32)
        parts = np.array_split(rows, threads)
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate([*pool.map(trees.predict_proba, parts)]).astype(np.float32)


def thinned(targets: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Indices of at most ``limit`` rows, equally over the classes, in increasing order."""
    if len(targets) <= limit:
        return np.arange(len(targets))
    rng = np.random.default_rng(seed)
    values = np.unique(targets)
    quota = limit // len(values)
    kept = []
    for value in values:
        own = np.nonzero(targets == value)[0]
        kept.append(own if len(own) <= quota else rng.choice(own, quota, replace=False))
    return np.sort(np.concatenate(kept))
