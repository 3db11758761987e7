"""The controllers of the second panel."""
