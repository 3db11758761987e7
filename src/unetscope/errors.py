"""Every error unetscope raises on purpose: one base class, one kind per cause; and how they read.

Messages name the offending value and the fix, because they are shown to the user as they are.
"""

from __future__ import annotations


class UnetscopeError(ValueError):
    """Base class: something the user can put right, said in plain words."""


class ImageError(UnetscopeError):
    """An image cannot be used as it is (axes, shape, file, values)."""


class LabelError(UnetscopeError):
    """Painted labels cannot be learned from as they are."""


class ModelError(UnetscopeError):
    """A model does not fit what it is asked to do (channels, classes, dimensions)."""


class ModelFileError(ModelError):
    """A model file is damaged, foreign, too large or of another version."""


class OutOfMemoryError(UnetscopeError, MemoryError):
    """What was asked for takes more memory than there is; what was there before stays."""


class ImageMemoryError(ImageError, OutOfMemoryError):
    """Pixels of an image take more memory than there is: smaller pieces may still be read."""


class OutputError(UnetscopeError):
    """A result cannot be written where it should go."""


class AnnotationError(UnetscopeError):
    """Annotations of a file cannot be read, or do not fit the image."""


class ProjectError(UnetscopeError):
    """A project folder cannot be opened, changed or saved as it is."""


class MeasurementError(UnetscopeError):
    """What is to be measured, or how, cannot be used as it is."""


class LessonError(UnetscopeError):
    """A lesson's file cannot be used as it is; the message names the file and the key."""


def capital(text: str) -> str:
    """``text`` with a capital at the start."""
    return text[:1].upper() + text[1:]


def as_sentence(text: str) -> str:
    """``text`` with a capital at the start and a full stop."""
    return f"{capital(text)}{'' if text.endswith(('.', '!', '?')) else '.'}"


def in_words(error: Exception, doing: str) -> str:
    """What to tell a person: our own words, or else what was being done, as ``Predicting``."""
    if isinstance(error, UnetscopeError | MemoryError) and str(error):
        return capital(str(error))
    return capital(f"{doing} failed ({type(error).__name__}: {error}); the log has the details.")
