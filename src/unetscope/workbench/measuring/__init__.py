"""Controllers of the panel "Measure"."""
