"""What can go wrong with a journal."""

from __future__ import annotations

from unetscope.errors import UnetscopeError


class JournalError(UnetscopeError):
    """A stroke journal cannot be read or written; painting goes on without it."""


class DamagedJournal(JournalError):
    """A journal holds what no journal can hold; what is good of it can be saved."""
