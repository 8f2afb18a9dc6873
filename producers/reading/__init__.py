"""Bytes to items: which format, which items are new, plain text, dates that can be trusted."""
