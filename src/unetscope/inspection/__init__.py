"""Looking inside a network: what is there, what it sees, and what if. No Qt, no napari."""

from unetscope.inspection.ablation import Ablation, ablate, ablation_ranking_steps
from unetscope.inspection.ablation_parts import Channel, KernelOf, Skip, parse_part
from unetscope.inspection.attribution import Attribution, attribution, attribution_steps
from unetscope.inspection.comparison import Comparison, compare, compare_versions
from unetscope.inspection.dissection import Dissection, dissect, dissect_steps
from unetscope.inspection.editing import PRESETS, Edit, edited, preset
from unetscope.inspection.effective import (
    EffectiveField,
    effective_receptive_field,
    effective_receptive_field_steps,
)
from unetscope.inspection.equivariance import Equivariance, equivariance, equivariance_profile
from unetscope.inspection.export import ExportedView, export_view, weights_sha256
from unetscope.inspection.fields import (
    ReceptiveField,
    ReceptiveFields,
    receptive_field,
    receptive_fields,
)
from unetscope.inspection.health import Finding, Health, health
from unetscope.inspection.inputs import FittedInput, fitted_input
from unetscope.inspection.joins import SkipConnection, skip_connections
from unetscope.inspection.maps import FeatureMaps, Placement, Placements, feature_maps, placement
from unetscope.inspection.maximisation import Maximised, maximise, maximise_steps
from unetscope.inspection.microscope import Convolution, Microscope, convolution_at, microscope
from unetscope.inspection.pointwise import Pointwise
from unetscope.inspection.pooling import Pooling
from unetscope.inspection.projection import ColourMaps, pca_rgb
from unetscope.inspection.reach import Kind
from unetscope.inspection.report import report
from unetscope.inspection.steps import Step, finished
from unetscope.inspection.table import Architecture, LayerRow, architecture
from unetscope.inspection.trace import Trace, follow
from unetscope.inspection.weights import ContactSheet, Kernels, contact_sheet, kernels

__all__ = [
    "PRESETS",
    "Ablation",
    "Architecture",
    "Attribution",
    "Channel",
    "ColourMaps",
    "Comparison",
    "ContactSheet",
    "Convolution",
    "Dissection",
    "Edit",
    "EffectiveField",
    "Equivariance",
    "ExportedView",
    "FeatureMaps",
    "Finding",
    "FittedInput",
    "Health",
    "KernelOf",
    "Kernels",
    "Kind",
    "LayerRow",
    "Maximised",
    "Microscope",
    "Placement",
    "Placements",
    "Pointwise",
    "Pooling",
    "ReceptiveField",
    "ReceptiveFields",
    "Skip",
    "SkipConnection",
    "Step",
    "Trace",
    "ablate",
    "ablation_ranking_steps",
    "architecture",
    "attribution",
    "attribution_steps",
    "compare",
    "compare_versions",
    "contact_sheet",
    "convolution_at",
    "dissect",
    "dissect_steps",
    "edited",
    "effective_receptive_field",
    "effective_receptive_field_steps",
    "equivariance",
    "equivariance_profile",
    "export_view",
    "feature_maps",
    "finished",
    "fitted_input",
    "follow",
    "health",
    "kernels",
    "maximise",
    "maximise_steps",
    "microscope",
    "parse_part",
    "pca_rgb",
    "placement",
    "preset",
    "receptive_field",
    "receptive_fields",
    "report",
    "skip_connections",
    "weights_sha256",
]
