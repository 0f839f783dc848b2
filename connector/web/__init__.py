"""What the daemon answers over HTTP: events and students come in, and its health is told.

It is the one place where scolpass is asynchronous; whatever may block runs in a thread.
"""
