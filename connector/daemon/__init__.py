"""``scolpass run``: the background service, made of lanes.

::

    register watch ─┐                       ┌─ whole lane: incremental and whole passes
    spool watch ────┤                       │
    web, broker ────┴─► intake ─► journal ──┴─ event lane: events, password changes

``service.py`` starts and stops it all and hears signals; ``lanes.py`` has the two lanes, each of
which takes the one walk of :mod:`connector.walk.reconcile`, and one that looks who guesses passwords;
``common.py`` is what they share.
"""
