"""Provisional passwords: drawn, hashed for the directory, and sealed for the letter.

Drawn uniformly from the operating system's CSPRNG. Hashed with argon2id (at least m=19456 KiB,
t=2, p=1 by OWASP ASVS 5.0, V11.4.2). Sealed with Fernet (AES-128-CBC and HMAC-SHA-256), under
keys outside the journal: the first key seals, every key opens, so that keys can change while
sealed passwords exist.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from argon2.low_level import Type, hash_secret
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from connector.errors import ConfigurationError, EntryError

_SALT_BYTES = 16
_HASH_BYTES = 32
# Heads every sealed text: another layout will get another head.
_LAYOUT = "scolpass:1"
_CURE = (
    "Put the key it was sealed with back into the key file, on a line after the current key, "
    "or give a new password with `scolpass reissue`"
)


def draw(length: int, alphabet: str) -> SecretStr:
    """A new password of ``length`` characters, each drawn uniformly from ``alphabet``."""
    return SecretStr("".join(secrets.choice(alphabet) for _ in range(length)))


@dataclass(frozen=True, slots=True)
class Recipe:
    """By what a password was hashed: with it the same hash can be made of the same password."""

    memory_cost: int
    time_cost: int
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(_SALT_BYTES))

    def hash(self, password: SecretStr) -> SecretStr:
        """The password's userPassword value."""
        return hash_argon2id(password, self.memory_cost, self.time_cost, self.salt)


def hash_argon2id(
    password: SecretStr, memory_cost: int, time_cost: int, salt: bytes | None = None
) -> SecretStr:
    """The userPassword value for slapd's argon2 module: ``{ARGON2}$argon2id$v=19$m=...``.

    The work runs outside the GIL, so threads hash in parallel.

    Args:
        password: what is hashed, as UTF-8.
        memory_cost: KiB, at least 8.
        time_cost: runs over that memory, at least 1.
        salt: 16 bytes; None: drawn.
    """
    encoded = hash_secret(
        password.get_secret_value().encode(),
        salt or secrets.token_bytes(_SALT_BYTES),
        time_cost=time_cost,
        memory_cost=memory_cost,
        parallelism=1,
        hash_len=_HASH_BYTES,
        type=Type.ID,
    )
    return SecretStr("{ARGON2}" + encoded.decode("ascii"))


def new_key() -> str:
    """A new sealing key, as one line of the key file."""
    return Fernet.generate_key().decode("ascii")


class Sealer:
    """Seals passwords and opens them again, each bound to its student number."""

    def __init__(
        self,
        keys: Sequence[SecretStr],
        reread: Callable[[], Sequence[SecretStr]] | None = None,
    ) -> None:
        """Take the keys in the order of the key file, the current one first.

        Args:
            keys: its keys.
            reread: reads them again where none of these opens something: another process may have
                put a new one first. Without it, these are all there are.

        Raises:
            ConfigurationError: no key, or a line that is none.
        """
        self._reread = reread
        self._take(keys)

    def _take(self, keys: Sequence[SecretStr]) -> None:
        if not keys:
            raise ConfigurationError(
                "no key to seal provisional passwords with", "Make one with `scolpass init`"
            )
        fernets = []
        for position, key in enumerate(keys, start=1):
            try:
                fernets.append(Fernet(key.get_secret_value().encode()))
            except ValueError:
                raise ConfigurationError(
                    f"key {position} of the key file is not a key",
                    "A key is a line of 44 characters, made by `scolpass init`; restore the line "
                    "from your copy: without it sealed passwords cannot be printed",
                ) from None
        self._keys = tuple(keys)
        self._current = fernets[0]
        self._all = MultiFernet(fernets)

    def seal(self, student_number: str, password: SecretStr, recipe: Recipe | None = None) -> bytes:
        """``password`` encrypted and authenticated under the current key, for this student.

        How it was hashed is sealed with it, to recognise its value of userPassword.
        """
        parts: list[object] = [_LAYOUT, student_number, password.get_secret_value()]
        if recipe is not None:
            parts.append([recipe.memory_cost, recipe.time_cost, recipe.salt.hex()])
        return self._current.encrypt(json.dumps(parts).encode())

    def unseal(self, student_number: str, sealed: bytes) -> SecretStr:
        """The password that :meth:`seal` sealed for this student.

        Raises:
            EntryError: no key opens it, it was altered, or it was sealed for another student.
        """
        return self.unseal_whole(student_number, sealed)[0]

    def unseal_whole(self, student_number: str, sealed: bytes) -> tuple[SecretStr, Recipe | None]:
        """The password, and by what it was hashed where that was sealed with it.

        Raises:
            EntryError: as `unseal`.
        """
        recipe = None
        try:
            layout, number, password, *more = json.loads(self._decrypt(sealed))
            if more:
                memory_cost, time_cost, salt = more[0]
                recipe = Recipe(memory_cost, time_cost, bytes.fromhex(salt))
        except (InvalidToken, ValueError, TypeError):
            raise EntryError(
                f"the sealed password of {student_number} does not open with any key", _CURE
            ) from None
        if layout != _LAYOUT or number != student_number:
            raise EntryError(
                f"the sealed password kept for {student_number} was sealed for another student",
                "Give a new password with `scolpass reissue`, and find out who changed the journal",
            )
        return SecretStr(password), recipe

    def _decrypt(self, sealed: bytes) -> bytes:
        try:
            return self._all.decrypt(sealed)
        except InvalidToken:
            if not self._has_read_others():
                raise
            return self._all.decrypt(sealed)

    def _has_read_others(self) -> bool:
        """Whether there are other keys now than those in use; they are in use then."""
        if self._reread is None:
            return False
        try:
            keys = tuple(self._reread())
            if keys == self._keys:
                return False
            self._take(keys)
        except ConfigurationError:  # the file is being mended: what is in use goes on
            return False
        return True

    def needs_rotation(self, sealed: bytes) -> bool:
        """Whether another key than the current one is needed to open it."""
        try:
            self._current.decrypt(sealed)
        except InvalidToken:
            return True
        return False

    def rotate(self, sealed: bytes) -> bytes:
        """The same password for the same student under the current key.

        Raises:
            EntryError: no key opens it.
        """
        try:
            return self._all.rotate(sealed)
        except InvalidToken:
            raise EntryError("a sealed password does not open with any key", _CURE) from None
