"""What an episode means for each target: a message, an edit, an answer, or something to hold back."""
