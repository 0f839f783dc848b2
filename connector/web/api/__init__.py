"""The service desk over HTTP, in JSON: ``/api/v1``, described by OpenAPI at /openapi.json.

::

    application.py  the FastAPI application, made from the table of calls
    calls.py        the table: each call with the permission that it takes
    asking.py       who asks, and what they may: nothing of a request is read before
    students.py     ... and others, one file for each kind of thing asked about
    shapes.py       what goes in and comes out
    troubles.py     errors become problem details (RFC 9457), each with its cure

A call does its work by the functions of ``desk`` and ``walk`` that the commands call.
"""
