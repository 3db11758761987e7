"""What is known of the bundled weights and of model files without torch."""

from __future__ import annotations

from dataclasses import dataclass

from unetscope.errors import ModelError

MODEL_SUFFIX = ".unetscope"
DEFAULT_MODEL = "general"  # a name for the weights that new models start from


@dataclass(frozen=True)
class BundledModel:
    """Weights that come with the package; ``sha256`` is that of manifest and tensors."""

    name: str
    title: str
    millions: float  # of parameters
    remark: str
    sha256: str

    @property
    def description(self) -> str:
        """What it is and what it is good for."""
        return f"{self.millions} million parameters{self.remark}"

    @property
    def file_name(self) -> str:
        """Name of the file in ``network/weights``."""
        return f"{self.name}{MODEL_SUFFIX}"


# The first is the default on every device: as long as the large one has not learned longer, it is
# not better (docs/benchmarks.md).
BUNDLED = (
    BundledModel(
        "general-fast",
        "General, fast",
        0.48,
        "; the default.",
        "29001bb465e20967c4426de0306b305ce97276c6bd88bd0cd54b86a4f6c4bc13",
    ),
    BundledModel(
        "general-large",
        "General, large",
        1.93,
        ", four times the work; for long training on a GPU.",
        "7d675e0504e6e95bd4ee664eb94ad2bb688fdfe4dd2f1802961b33eeb3ec80e8",
    ),
)
#: Name -> title of what can be chosen, the default first.
BUNDLED_TITLES = {DEFAULT_MODEL: "General", **{model.name: model.title for model in BUNDLED}}


def bundled_model(name: str) -> BundledModel:
    """The weights of this name; ``"general"`` are the default ones.

    Raises
    ------
    ModelError
        If there are none.
    """
    for model in BUNDLED:
        if name == model.name or (name == DEFAULT_MODEL and model is BUNDLED[0]):
            return model
    names = " and ".join(model.name for model in BUNDLED)
    raise ModelError(f"no bundled model is called {name!r}; there are {DEFAULT_MODEL}, {names}.")
