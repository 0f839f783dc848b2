"""The demo: a register of hard names, a throw-away directory, and what scolpass makes of them.

The story may only do what a user could: it runs the real commands in a temporary folder, reads
the directory back with OpenLDAP's own tools, and shows every command that it runs. A claim is
printed together with the command that checks it and with the answer; if a claim does not hold, the
demo says so and ends with 1.

- ``chapters``: the story. A chapter is a function of the ``Story``, which holds what it needs of
  the chapters before it.
- ``stage``: how a chapter tells, runs and claims; ``narrator`` puts it on the terminal.
- ``performance`` and ``backstage``: around the story, from an empty folder to a clean end.
- ``look`` and ``university``: the service desk's console, on a university of thousands.
"""

from connector.demo.look import show
from connector.demo.performance import tell

__all__ = ["show", "tell"]
