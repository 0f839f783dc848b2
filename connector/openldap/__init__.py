"""The directory's definition, filled in, and a private slapd made from it."""
