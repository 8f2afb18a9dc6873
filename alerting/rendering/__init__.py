"""A message in the format of each surface, and the chart in a mail."""
