"""The service's side of Kafka."""
