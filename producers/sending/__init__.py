"""What the polls found, to Kafka: articles, polls, ticks."""
