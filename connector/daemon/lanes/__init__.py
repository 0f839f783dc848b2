"""What the daemon does in parallel, one lane for each."""
