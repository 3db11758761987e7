"""The panel "Measure", and the table of objects with what is seen of its columns."""
