"""scolpass: keeps a university's OpenLDAP directory true to its student register."""

__version__ = "0.1.0"
