"""Messages to students and to operators."""
