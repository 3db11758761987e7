"""Everything of :mod:`unetscope.measuring` that is public; brings neither torch nor pandas."""

from unetscope.measuring.agreement import Agreement, Compared, Matching, reported_numbers
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
from unetscope.measuring.delivery import write_results
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
from unetscope.measuring.measurements import Measurements
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
from unetscope.measuring.object_files import write_objects
from unetscope.measuring.object_table import ObjectTable, measure, update
from unetscope.measuring.objects import Objects, Separation, given_objects, objects_of
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.origin import ImageOrigin, Origin, file_seen
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
from unetscope.measuring.portrait import Portrait, portrait_of
from unetscope.measuring.quantities import Quantity, Spacing, spacing_of
from unetscope.measuring.result_targets import Formats, Targets
from unetscope.measuring.soft_outlines import soft_ferets
from unetscope.measuring.summary import Measured, Procedure
from unetscope.measuring.typed_options import options_for

__all__ = [
    "Agreement",
    "Certainty",
    "CertaintyLine",
    "ClickFit",
    "Column",
    "Compared",
    "EdgeEnvelope",
    "EditWish",
    "Extras",
    "Fibres",
    "Formats",
    "ImageOrigin",
    "InfoBar",
    "Intercepts",
    "LineLengths",
    "Matching",
    "Measured",
    "Measurements",
    "ObjectEdit",
    "ObjectTable",
    "Objects",
    "Origin",
    "OtherChoice",
    "Population",
    "Portrait",
    "Procedure",
    "Quantity",
    "Ring",
    "SegmentedImage",
    "Separation",
    "Share",
    "Spacing",
    "Targets",
    "Wanted",
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
    "file_seen",
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
    "measure_image",
    "nearest_distance",
    "objects_by_choice",
    "objects_in",
    "objects_in_bands",
    "objects_needed",
    "objects_of",
    "options_for",
    "percentile",
    "population_of",
    "portrait_of",
    "reported_numbers",
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
    "write_objects",
    "write_results",
]
