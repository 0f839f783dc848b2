"""The first connection, apart from how it is shown: what pages and API have in common.

::

    signing.py   a student signs in, and nobody can tell why another does not
    guard.py     how often that may be tried
    portal.py    what all of it works with: journal, directory connections, keys
"""
