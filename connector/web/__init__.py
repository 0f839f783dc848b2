"""What the daemon answers over HTTP: events, students' pages, and its health.

This is the only asynchronous part of scolpass; everything that may block runs in a thread.
"""
