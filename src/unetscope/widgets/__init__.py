"""The dock widgets and the job runner: the only rooms that know Qt."""
