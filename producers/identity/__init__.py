"""Which item is which article: keys, and what is new in a document."""
