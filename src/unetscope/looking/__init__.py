"""Questions about a network, each told once: for window, command line, report and export."""
