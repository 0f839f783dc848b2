"""The first connection over HTTP: the pages that a student sees, with help for students who cannot
sign in, and the API for an institution that has pages of its own.

::

    routes.py     the first connection, step by step
    problems.py   "Problème de connexion", and what the links in mails lead to
    visitors.py   who asks: cookies, tokens of forms, and work that may block
    forms.py      what a browser sends, within limits
    branding.py   logo, favicon and links of the institution
    pages.py      templates and texts become a page
    api.py        the same first connection as JSON; shapes.py what is asked and answered
    templates/    the pages; texts/ what they say, by language; static/ their style and script

The pages work without JavaScript. French comes first; the charter is the institution's, in
config/charter.
"""
