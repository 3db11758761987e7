"""The panel "Measure"."""
