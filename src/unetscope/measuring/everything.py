"""Everything of :mod:`unetscope.measuring` that is public; brings neither torch nor pandas."""

from unetscope.measuring.background import Ring
from unetscope.measuring.banded_objects import objects_in_bands
from unetscope.measuring.certainty import (
    Certainty,
    CertaintyLine,
    EdgeEnvelope,
    OtherChoice,
    certainty_of,
    edge_envelope,
    objects_by_choice,
    with_edges,
)
from unetscope.measuring.clicked_objects import ClickFit, fitted, typical_size
from unetscope.measuring.columns import Column, Extras
from unetscope.measuring.fibre_width import Fibres, fibre_quantities, fibres_of
from unetscope.measuring.grain_size import (
    Intercepts,
    intercepts_of,
    size_by_area,
    size_by_count,
    size_by_intercept,
)
from unetscope.measuring.info_bar import InfoBar, info_bar_of
from unetscope.measuring.line_length import LineLengths, length_quantities, line_lengths
from unetscope.measuring.object_edits import (
    EditWish,
    ObjectEdit,
    cut,
    drop,
    edited,
    join,
    split,
    wish_of,
    wished,
)
from unetscope.measuring.object_table import ObjectTable, measure, update
from unetscope.measuring.objects import Objects, Separation, given_objects, objects_of
from unetscope.measuring.phase_fraction import Share, fraction, share_of
from unetscope.measuring.populations import (
    Population,
    counted,
    density,
    enough_for,
    mean_diameter,
    nearest_distance,
    objects_needed,
    percentile,
    population_of,
)
from unetscope.measuring.quantities import Quantity, Spacing, spacing_of
from unetscope.measuring.soft_outlines import soft_ferets

__all__ = [
    "Certainty",
    "CertaintyLine",
    "ClickFit",
    "Column",
    "EdgeEnvelope",
    "EditWish",
    "Extras",
    "Fibres",
    "InfoBar",
    "Intercepts",
    "LineLengths",
    "ObjectEdit",
    "ObjectTable",
    "Objects",
    "OtherChoice",
    "Population",
    "Quantity",
    "Ring",
    "Separation",
    "Share",
    "Spacing",
    "certainty_of",
    "counted",
    "cut",
    "density",
    "drop",
    "edge_envelope",
    "edited",
    "enough_for",
    "fibre_quantities",
    "fibres_of",
    "fitted",
    "fraction",
    "given_objects",
    "info_bar_of",
    "intercepts_of",
    "join",
    "length_quantities",
    "line_lengths",
    "mean_diameter",
    "measure",
    "nearest_distance",
    "objects_by_choice",
    "objects_in_bands",
    "objects_needed",
    "objects_of",
    "percentile",
    "population_of",
    "share_of",
    "size_by_area",
    "size_by_count",
    "size_by_intercept",
    "soft_ferets",
    "spacing_of",
    "split",
    "typical_size",
    "update",
    "wish_of",
    "wished",
    "with_edges",
]
