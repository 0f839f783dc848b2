"""The pages that a student sees: the first connection, and help for students who cannot sign in.

::

    routes.py     the first connection, step by step
    problems.py   "Problème de connexion", and what the links in mails lead to
    visitors.py   who asks: cookies, tokens of forms, and work that may block
    forms.py      what a browser sends, within limits
    branding.py   logo, favicon and links of the institution
    pages.py      templates and texts become a page
    templates/    the pages; texts/ what they say, by language; static/ their style and script

All of it works without JavaScript. French comes first; the charter is the institution's, in
config/charter.
"""
