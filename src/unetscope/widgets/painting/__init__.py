"""The first panel: paint, train, predict."""
