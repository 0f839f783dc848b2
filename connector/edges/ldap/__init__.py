"""The directory, over LDAP."""
