"""The architecture, a row a layer."""

from __future__ import annotations

from typing import Any

from unetscope.looking.answers import Pick, Shown, Table
from unetscope.looking.glass import Glass
from unetscope.looking.question import Answer, NetworkQuestion

_COLUMNS = (
    *("layer", "kind", "output", "parameters", "multiply-adds", "memory_bytes"),
    *("stride", "field_px", "trust", "note"),
)


def _answer(glass: Glass, given: Any) -> Answer:
    table = glass.table
    rows = tuple(
        (
            *(row.name, row.kind, row.output_shape, row.parameters, row.multiply_adds),
            *(row.memory_bytes, row.stride, row.receptive_field),
            *("" if row.field_kind is None else row.field_kind.value, row.remark),
        )
        for row in table.rows
    )
    learned = tuple(row for row in rows if row[_COLUMNS.index("parameters")])
    names = ("layer", "output", "parameters", "multiply-adds")
    yield Shown(
        QUESTION.title,
        f"{table.parameters:,} parameters, {table.multiply_adds:,} multiply-adds, "
        f"{table.memory_bytes / 2**20:.1f} MiB of maps.",
        "exact",
        table=Table(_COLUMNS, learned, tuple(Pick(row[0]) for row in learned)).brief(
            {**{name: name for name in names}, "field (px)": "field_px"}
        ),
        files={"table.csv": Table(_COLUMNS, rows)},
        result=table,
    )


QUESTION = NetworkQuestion("table", "Architecture", _answer, order=10)
