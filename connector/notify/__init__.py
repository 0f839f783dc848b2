"""What is told to students and to operators."""
