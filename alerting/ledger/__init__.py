"""What was told to whom: one file, rebuilt from the topics where it is lost, and explained."""
