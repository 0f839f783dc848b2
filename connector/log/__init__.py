"""What scolpass logs, and what never gets into the log."""
