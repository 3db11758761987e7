"""From label images to numbers: objects, their measures, populations and phases, with intervals.

Everything here is numpy, scipy and scikit-image; a length is in the unit of its image, and a number
never stands without unit, count, method, and an interval or the reason why it has none.
"""
