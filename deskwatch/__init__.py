"""What two processes must agree on: records, their bytes, topics, settings, errors, telemetry, and the command."""
