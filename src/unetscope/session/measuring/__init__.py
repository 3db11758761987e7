"""Measuring: state, jobs and what is kept of the third panel."""
