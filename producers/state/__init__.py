"""What a restart must know."""
