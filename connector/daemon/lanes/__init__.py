"""What the daemon does beside one another, a lane each."""
