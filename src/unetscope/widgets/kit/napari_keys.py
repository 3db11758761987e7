"""napari's own keys: how they are spelt, and which of them work on labels layers."""

from __future__ import annotations

from app_model.types import KeyCode
from napari.settings import get_settings
from napari.utils.key_bindings import coerce_keybinding

HELP = "?"  # napari has no name for it, for it lies elsewhere on each keyboard
_ON_LABELS = {
    "activate_labels_erase_mode": "take the eraser",
    "activate_labels_paint_mode": "take the brush",
    "activate_labels_polygon_mode": "take the polygon",
    "activate_labels_fill_mode": "take the fill bucket",
    "activate_labels_picker_mode": "pick a label",
    "activate_labels_pan_zoom_mode": "move the image",
    "activate_labels_transform_mode": "move the layer",
    "new_label": "choose a new label",
    "swap_selected_and_background_labels": "swap label and background",
    "decrease_label_id": "choose the label before",
    "increase_label_id": "choose the label after",
    "toggle_preserve_labels": "preserve labels",
    "reset_polygon": "give the polygon up",
    "complete_polygon": "close the polygon",
    "hold_for_pan_zoom": "move the image",
    "toggle_console_visibility": "open the console",
    "toggle_ndisplay": "change between 2D and 3D",
    "toggle_theme": "change the theme",
    "reset_view": "reset the view",
    "delete_selected_layers": "delete layers",
    "increment_dims_left": "go to the slice before",
    "increment_dims_right": "go to the slice after",
    "roll_axes": "roll the axes",
    "transpose_axes": "transpose the axes",
    "toggle_grid": "show layers side by side",
    "toggle_selected_visibility": "hide the selected layers",
    "toggle_unselected_visibility": "hide the other layers",
    "select_layer_above": "select the layer above",
    "select_layer_below": "select the layer below",
}


def known_key(text: str) -> str:
    """A key in napari's spelling (``shift+z`` as ``Shift-Z``); "" for what is none.

    Shift with a sign or digit is none: what it makes depends on the keyboard.
    """
    text = text.strip()
    if text == HELP:
        return HELP
    part = coerce_keybinding(text).parts[-1] if text else None
    if part is None or part.key in (KeyCode.UNKNOWN, None):
        return ""
    sign = len(str(part.key)) == 1 and not str(part.key).isalpha()
    if part.shift and sign and not part.ctrl:
        return ""
    return _spelt(str(part))


def as_written(key: str) -> str:
    """``Shift-Z`` as ``Shift+Z``; the minus stays."""
    modifiers, _, last = key.rpartition("-")
    return f"{modifiers.replace('-', '+')}+{last}" if modifiers and last else key


def keys_on_labels() -> dict[str, str]:
    """Key of napari's, as it is set just now, to what it does while a labels layer is active."""
    found = {"Ctrl-Z": "undo on the layer", "Ctrl-Shift-Z": "redo on the layer"}
    for action, bindings in get_settings().shortcuts.shortcuts.items():
        words = _ON_LABELS.get(str(action).removeprefix("napari:"))
        if words:
            found.update({_spelt(str(binding)): words for binding in bindings})
    return found


def _spelt(written: str) -> str:
    """napari writes ``Ctrl+Z`` and reads ``Ctrl-Z``; a plus of its own stays."""
    return written[:-1].replace("+", "-") + written[-1:]
