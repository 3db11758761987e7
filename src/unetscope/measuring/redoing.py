"""What a person did to objects, done again from its records."""

from __future__ import annotations

from unetscope.errors import MeasurementError
from unetscope.measuring.hand_records import CHECKED, UNKNOWN, Records
from unetscope.measuring.object_edits import edited, wish_of, wished
from unetscope.measuring.objects import Objects


def redone(objects: Objects, records: Records) -> Objects:
    """The objects after edits, each of which is on what the one before has left.

    Raises
    ------
    MeasurementError
        If an edit is not known, or cannot be done with these objects.
    """
    for record in records:
        if record.get("do") == UNKNOWN:
            raise MeasurementError(
                "objects were corrected in a way that is not known any more; measure the objects "
                "that lie beside the results with --values objects"
            )
        if record.get("do") != CHECKED:
            objects = edited(objects, wished(objects, wish_of(record)))
    return objects
