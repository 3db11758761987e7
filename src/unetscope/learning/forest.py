"""A random forest on the classical filters, as the second voice beside the instant head.

It keeps the labelled rows it was grown from instead of its trees: growing them again is fast and
repeatable, so a model file needs no pickle.

Where some classes have many more strokes than others, a forest hardly finds the others, although
its rows are balanced: strokes that correct errors are of one class, next to another. So its votes
can be weighted, until it finds the classes as frequent as the head does (docs/tried.md).
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.ensemble import RandomForestClassifier

MAX_ROWS = 20_000
TREES, _DEPTH = 50, 10
_ROWS_AT_ONCE = 8192  # what a processor's caches hold
_FEW_ROWS = 20  # of which every tree gets a draw of full size
# Of matching: its steps, the share below which no class is taken to be, and the largest weight.
_STEPS, _LEAST_SHARE, _MOST = 5, 0.003, 2.0


class PixelForest:
    """A forest that answers rows of classical features with class probabilities.

    Parameters
    ----------
    rows : (n, feature) float32; targets : (n,) class indices, all classes 0 … K - 1 present.
    seed : the forest is a function of rows, targets and seed.
    weights : of the classes' votes, (class,); None: all alike.
    """

    def __init__(
        self,
        rows: np.ndarray,
        targets: np.ndarray,
        seed: int = 0,
        *,
        trees: int = TREES,
        weights: np.ndarray | None = None,
    ) -> None:
        self.rows, self.targets, self.seed, self.trees = rows, targets, seed, trees
        self.weights = weights
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

    def grown_from(self) -> bytes:
        """Everything its answers are a function of."""
        parts = [f"{self.seed} {self.trees} {self.rows.shape}".encode()]
        for values in (self.rows, self.targets.astype(np.int64), self.weights):
            if values is not None:
                parts.append(np.ascontiguousarray(values).tobytes())
        return b"".join(parts)

    def probabilities(self, rows: np.ndarray, threads: int = 1) -> np.ndarray:
        """(n, class) float32. The same for any number of ``threads``: each takes whole rows."""
        return self.weighted(self.votes(rows, range(self.trees), threads))

    def votes(self, rows: np.ndarray, trees: range, threads: int = 1) -> np.ndarray:
        """What some of the trees say of rows (n, feature) float32: (n, class) float64.

        Of every tree the shares of the classes in the leaf, summed up over ``trees`` in their
        order. All of them are what scikit-learn's ``predict_proba`` says, but for the mean.
        """
        asked = [tree.tree_ for tree in self._trees.estimators_[trees.start : trees.stop]]
        shares = [tree.value[:, 0] for tree in asked]

        def said(part: np.ndarray) -> np.ndarray:
            found = np.zeros((len(part), shares[0].shape[1]))
            for tree, share in zip(asked, shares, strict=True):
                found += share.take(tree.apply(part), axis=0)
            return found

        parts = np.array_split(rows, max(1, -(-len(rows) // _ROWS_AT_ONCE)))
        if threads == 1 or len(parts) == 1:
            return np.concatenate([*map(said, parts)])
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate([*pool.map(said, parts)])

    def perfect_trees(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All trees padded to one depth D, so that a place in a table says where one is.

        Returns
        -------
        features (tree, 2^D - 1) int64 and thresholds (tree, 2^D - 1) float32: from place p to
        2p + 1, or to 2p + 2 where the row's feature is larger than the threshold; shares (tree,
        2^D, class) float32 of the places after D steps, from the left. Thresholds are rounded down,
        for then a float32 is larger than them exactly where it is larger than scikit-learn's.
        """
        grown = [tree.tree_ for tree in self._trees.estimators_]
        depth = max(tree.max_depth for tree in grown)
        inner, classes = 2**depth - 1, grown[0].value.shape[2]
        features = np.zeros((len(grown), inner), np.int64)
        thresholds = np.full((len(grown), inner), np.finfo(np.float32).max, np.float32)
        shares = np.zeros((len(grown), inner + 1, classes), np.float32)
        for number, tree in enumerate(grown):
            nodes = np.zeros(1, np.int64)
            for level in range(depth):
                here = slice(2**level - 1, 2 ** (level + 1) - 1)
                split = tree.children_left[nodes] >= 0
                features[number, here] = np.where(split, tree.feature[nodes], 0)
                exact = np.where(split, tree.threshold[nodes], thresholds[number, here])
                near = exact.astype(np.float32)
                lower = np.nextafter(near, np.float32(-np.inf))
                thresholds[number, here] = np.where(near > exact, lower, near)
                left = np.where(split, tree.children_left[nodes], nodes)
                right = np.where(split, tree.children_right[nodes], nodes)
                nodes = np.stack([left, right], axis=1).reshape(-1)
            shares[number] = tree.value[nodes, 0]
        return features, thresholds, shares

    def weighted(self, votes: np.ndarray) -> np.ndarray:
        """Probabilities (n, class) float32 from the votes (n, class) of all trees."""
        return self._weighted((votes / self.trees).astype(np.float32))

    def _weighted(self, votes: np.ndarray) -> np.ndarray:
        if self.weights is None:
            return votes
        votes = votes * self.weights
        votes /= np.maximum(votes.sum(axis=1, keepdims=True), 1e-12)
        return votes

    def matched(self, rows: np.ndarray, shares: np.ndarray) -> PixelForest:
        """The same trees, their votes weighted so that classes are as frequent as ``shares``.

        ``rows`` (n, feature) are of pixels from all over the image, ``shares`` (class,) what the
        classes' probabilities shall be there in the mean; found by a few proportional steps.
        Weights stay between a half and two, lest a class of a few pixels spread everywhere.
        """
        plain = PixelForest(self.rows, self.targets, self.seed, trees=self.trees)
        plain._grown = self._trees
        votes, weights = plain.probabilities(rows), np.ones(len(shares), np.float32)
        wanted = np.maximum(shares, _LEAST_SHARE)
        for _ in range(_STEPS):
            plain.weights = weights
            found = plain._weighted(votes).mean(axis=0)
            weights = (weights * wanted / np.maximum(found, _LEAST_SHARE)).astype(np.float32)
        weights /= np.exp(np.log(weights).mean())  # only their ratios count
        plain.weights = weights.clip(1 / _MOST, _MOST)
        return plain


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
