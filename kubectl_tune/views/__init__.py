"""What is known, as people and programs read it: pure functions from values to text."""
