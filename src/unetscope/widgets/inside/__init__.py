"""The parts of the panel "Look inside"."""
