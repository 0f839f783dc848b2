"""One account at a time, and a few: what the service desk sees and does."""
