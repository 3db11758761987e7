"""Advice on painting: where the next stroke helps, which one is wrong, and when to stop."""
