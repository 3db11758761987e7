"""The state the widgets share, and the one place that touches napari layers."""
