"""Models out, for programs that do not know unetscope."""
