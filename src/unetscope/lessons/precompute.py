"""Make the results that come with the lessons again: ``python -m unetscope.lessons.precompute``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from unetscope.errors import LessonError
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.shipped_runs import LARGEST_BYTES, packed, result_path
from unetscope.lessons.visit import Visit


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the shipped results of the lessons that are named, or of all."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("lessons", nargs="*", metavar="ID")
    chosen = parser.parse_args(arguments).lessons
    gallery = all_lessons()
    for lesson in [gallery.lesson(one) for one in chosen] or gallery.lessons:
        for number, step in enumerate(lesson.step):
            if step.live:
                continue
            content = packed(Visit(lesson, at=number, live=True).shown())
            if len(content) > LARGEST_BYTES:
                raise LessonError(f"{lesson.id}, step {number + 1}: {len(content):,} bytes.")
            path = result_path(lesson, number)
            path.parent.mkdir(exist_ok=True)
            beside = path.with_suffix(".part")
            beside.write_bytes(content)
            os.replace(beside, path)
            sys.stdout.write(f"{path.name}: {len(content):,} bytes\n")


if __name__ == "__main__":
    main()
