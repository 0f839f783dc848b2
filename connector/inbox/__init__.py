"""Events: accepted into the journal, then applied."""
