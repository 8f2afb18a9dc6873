"""When a feed is polled, and one poll of one feed."""
