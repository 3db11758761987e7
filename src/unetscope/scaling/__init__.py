"""Images larger than memory: read ahead, answered piece by piece, written as they come."""
