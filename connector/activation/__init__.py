"""The first connection, apart from how it is shown: what pages and API have in common.

::

    visits.py     who has signed in, and the steps that they make
    links.py      what the links in mails lead to
    passwords.py  the password that they choose
    giving.py     what they give, as an event
    signing.py    a student signs in, and nobody can tell why another does not
    guard.py      how often that may be tried
    portal.py     what all of it works with: journal, directory connections, keys
"""
