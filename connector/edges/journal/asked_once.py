"""A question that several ask at the same moment is asked once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

V = TypeVar("V")


class AskedOnce:
    """Whoever asks while the same is being asked gets that answer: it is of the moment before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Hashable, Future[Any]] = {}

    def ask(self, what: Hashable, find: Callable[[], V]) -> V:
        """The answer of ``find``, or its error; ``what`` tells questions apart."""
        with self._lock:
            answer: Future[V] | None = self._open.get(what)
            mine = answer is None
            if answer is None:
                answer = self._open[what] = Future()
        if mine:
            try:
                answer.set_result(find())
            except BaseException as error:
                answer.set_exception(error)
                raise
            finally:
                with self._lock:
                    del self._open[what]
        return answer.result()
