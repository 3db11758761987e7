"""The stroke journal: every edit of painted labels, kept before anything learns from it."""
