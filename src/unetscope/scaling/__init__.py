"""Images larger than memory: read ahead, answered band by band, written as they come."""
