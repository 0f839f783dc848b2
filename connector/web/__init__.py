"""The daemon's web edge: events and students come in, and it says how it fares.

::

    server.py    uvicorn in a thread: one socket, time limits, an orderly end
    app.py       the application: its routes
    service.py   what it wants to know of the daemon
    events.py    POST /events: limits, signature, CloudEvents over HTTP, into the intake
    signs.py     /healthz, /readyz, /metrics
    portal/      the pages that a student sees
    api.py       the first connection by API; shapes.py has what goes in and out
    answers.py   what all answers have in common
    bodies.py    a request's body, within limits
    addresses.py where a request comes from, behind proxies
    metrics.py   the metrics themselves

It is the one place where scolpass is asynchronous; whatever may block runs in a thread.
"""
