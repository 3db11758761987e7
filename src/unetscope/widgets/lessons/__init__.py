"""The dock Lessons: the gallery, and one lesson."""
