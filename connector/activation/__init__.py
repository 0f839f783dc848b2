"""The first connection, apart from how it is shown: what pages and API have in common.

::

    visits.py     who has signed in, and the steps that they take
    links.py      what the links in mails do
    passwords.py  the password that they choose
    giving.py     what they give, as an event
    signing.py    signing in, where a refusal does not say why
    guard.py      how often that may be tried
    portal.py     what all of them work with: journal, directory connections, keys
"""
