"""The first connection, apart from how it is shown: what pages and API have in common.

::

    portal.py    what all of it works with: journal, directory connections, keys
"""
