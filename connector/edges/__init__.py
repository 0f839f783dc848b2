"""The outside worlds, one for each module; they decide nothing and do not know each other."""
