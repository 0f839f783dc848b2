"""What scolpass says of itself, and what never gets into it."""
