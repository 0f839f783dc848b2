"""``scolpass run``: the background service, made of lanes.

::

    register watch ─┐                       ┌─ whole lane: incremental and full runs
    spool watch ────┤                       │
    web, broker ────┴─► intake ─► journal ──┴─ event lane: events, password changes

``process.py`` starts and stops it all and hears signals; ``lanes/`` has the lanes, two of which
take the one walk of :mod:`connector.walk.reconcile`; ``shared.py`` is what they share.
"""
