"""Controllers of the dock Lessons: a lesson is opened, asked, shown and left."""
