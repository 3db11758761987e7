"""What every panel is built of: looks, keys, folds, cards."""
