"""The controllers of the window: what panels ask for is done here, without a widget."""
