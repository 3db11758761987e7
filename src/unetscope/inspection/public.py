"""Everything of :mod:`unetscope.inspection` that is public; imports torch."""

from unetscope.inspection.asking.ablation import Ablation, ablate, ablation_ranking_steps
from unetscope.inspection.asking.ablation_parts import Channel, KernelOf, Skip, parse_part
from unetscope.inspection.asking.attribution import Attribution, attribution, attribution_steps
from unetscope.inspection.asking.comparison import Comparison, compare, compare_versions
from unetscope.inspection.asking.dissection import Dissection, dissect, dissect_steps
from unetscope.inspection.asking.editing import Edit, edited
from unetscope.inspection.asking.effective import (
    EffectiveField,
    effective_receptive_field,
    effective_receptive_field_steps,
)
from unetscope.inspection.asking.equivariance import (
    Equivariance,
    equivariance,
    equivariance_profile,
)
from unetscope.inspection.asking.health import Finding, Health, health
from unetscope.inspection.asking.kernel_presets import PRESETS, preset
from unetscope.inspection.asking.maximisation import Maximised, maximise, maximise_steps
from unetscope.inspection.asking.steps import Step, finished
from unetscope.inspection.following.fields import (
    ReceptiveField,
    ReceptiveFields,
    receptive_field,
    receptive_fields,
)
from unetscope.inspection.following.inputs import FittedInput, fitted_input
from unetscope.inspection.following.joins import SkipConnection, skip_connections
from unetscope.inspection.following.reach import Kind
from unetscope.inspection.following.table import Architecture, LayerRow, architecture
from unetscope.inspection.following.trace import Trace, follow
from unetscope.inspection.showing.maps import (
    FeatureMaps,
    Placement,
    Placements,
    feature_maps,
    placement,
)
from unetscope.inspection.showing.microscope import (
    Convolution,
    Microscope,
    convolution_at,
    microscope,
)
from unetscope.inspection.showing.pointwise import Pointwise
from unetscope.inspection.showing.pooling import Pooling
from unetscope.inspection.showing.projection import ColourMaps, pca_rgb
from unetscope.inspection.showing.weights import ContactSheet, Kernels, contact_sheet, kernels
from unetscope.inspection.writing.export import ExportedView, export_view, weights_sha256
from unetscope.inspection.writing.report import report

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
