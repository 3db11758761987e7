"""What the window keeps of a person at lessons: where they are, and what they have done."""
