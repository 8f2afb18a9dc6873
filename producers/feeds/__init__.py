"""The feeds as people configure them: one file, lists from elsewhere, how each is doing."""
