"""One thread here as well."""

from learning.conftest import _one_thread as _one_thread
