"""The ways to a target: each sends once, and says honestly what became of it."""
