"""A network of the user's own: built by a function they name, with weights from safetensors.

Naming a function runs it, so this is for a person's own code. Pickled weights are not read, for
they can hold code that nobody named.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from unetscope.errors import ModelError, ModelFileError


def load_user_model(reference: str, weights: str | os.PathLike[str] | None = None) -> nn.Module:
    """The network that ``package.module:function`` returns, in eval mode.

    Parameters
    ----------
    reference : a function without arguments, or a class; modules are also looked for in the
        current folder.
    weights : a ``.safetensors`` file with its ``state_dict``.

    Raises
    ------
    ModelError
        If there is no such function, it fails, or it returns something else.
    ModelFileError
        If the weights cannot be read or are those of another network.
    """
    module_name, _, function_name = reference.partition(":")
    if not module_name or not function_name:
        raise ModelError(f"{reference!r} names no function; write package.module:function.")
    model = _built(_function(module_name, function_name), reference)
    if weights is not None:
        _load_weights(model, Path(weights))
    return model.eval()


def _function(module_name: str, function_name: str) -> object:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: object = importlib.import_module(module_name)
    except ImportError as error:
        raise ModelError(
            f"the module {module_name!r} cannot be imported: {error}. Start the command in the "
            "folder where it lies, or install it."
        ) from error
    for part in function_name.split("."):
        if not hasattr(found, part):
            raise ModelError(f"there is no {function_name!r} in {module_name}.")
        found = getattr(found, part)
    return found


def _built(function: object, reference: str) -> nn.Module:
    if isinstance(function, nn.Module):
        return function
    if not callable(function):
        raise ModelError(f"{reference} is a {type(function).__name__}, not a function.")
    try:
        model = function()
    except Exception as error:  # the user's own code may raise anything
        raise ModelError(f"{reference}() failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"{reference}() returned a {type(model).__name__}; it must return a torch.nn.Module."
        )
    return model


def _load_weights(model: nn.Module, path: Path) -> None:
    if path.suffix != ".safetensors":
        raise ModelFileError(
            f"{path} is not read: weights come from .safetensors files, which hold numbers only. "
            "Write one with safetensors.torch.save_file(model.state_dict(), NAME)."
        )
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"cannot read the weights {path}: {error}.") from error
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path} holds weights of another network: {reason[:300]}") from error
