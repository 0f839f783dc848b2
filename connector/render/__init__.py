"""What a person reads and what a machine reads of what was done."""
