"""Say in one line which system libraries a Linux machine lacks, before Qt aborts the process.

Only the standard library is used: the Makefile runs this file before anything is installed.
"""

from __future__ import annotations

import ctypes
import sys

# shared library -> Debian and Ubuntu package; what `import PyQt6` needs even without a screen
OFFSCREEN = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
}
# what a window on an X screen needs besides
WINDOW = {
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}


def missing_packages(*, window: bool) -> list[str]:
    """Packages whose library does not load here; always empty on other systems than Linux."""
    if not sys.platform.startswith("linux"):
        return []
    wanted = OFFSCREEN | WINDOW if window else OFFSCREEN
    return [package for library, package in wanted.items() if not _loads(library)]


def missing_line(*, window: bool) -> str | None:
    """One line that says what is missing and the command that installs it, or None."""
    packages = missing_packages(window=window)
    if not packages:
        return None
    command = "sudo apt install " + " ".join(packages)
    return f"unetscope: system libraries are missing; install them with: {command}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    line = missing_line(window="--window" in sys.argv[1:])
    if line is not None:
        sys.exit(line)
