"""The report of a plan: a page to be printed and signed, a table and data, in one folder."""
