"""Looking inside a network: fields, maps, kernels, the table, one convolution. No Qt, no napari."""

from unetscope.inspection.fields import receptive_field, receptive_fields
from unetscope.inspection.maps import feature_maps, placement
from unetscope.inspection.microscope import convolution_at
from unetscope.inspection.table import architecture
from unetscope.inspection.trace import follow
from unetscope.inspection.weights import contact_sheet, kernels

__all__ = [
    "architecture",
    "contact_sheet",
    "convolution_at",
    "feature_maps",
    "follow",
    "kernels",
    "placement",
    "receptive_field",
    "receptive_fields",
]
