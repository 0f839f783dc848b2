"""What people and machines read about what was done."""
