"""The outside worlds, one a module; they decide nothing and do not know each other."""
