"""Who may write to the directory now, and which daemon leads."""
