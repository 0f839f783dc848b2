"""Timings against a real slapd, each beside OpenLDAP's own tools in the same sitting."""
