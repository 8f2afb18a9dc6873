"""What is said, in the reader's language: plain, cleaned text before it gets a format. Pure."""
