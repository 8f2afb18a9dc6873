"""A simulated world of news in fast time, served as real feeds to the real services, until an alert comes out."""
