"""``make bench``: a sync beside ldapadd, one without changes beside ldapsearch, and the rest.

The two pairs run in one sitting against the same private slapd, so that their ratio holds on a
machine whose speed does not. ``make bench BENCH="create"`` runs one of them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from benchmarks import people as index
from benchmarks.events import PER_SECOND, lags, percentile
from benchmarks.register import FIRST_NUMBER, write_register
from benchmarks.signin import at_once, refusals
from connector.clock import instant
from connector.edges.sealing import hash_argon2id
from connector.openldap.sandbox import Sandbox

CREATE_RATIO, CREATE_STUDENTS = 2.0, 5_000
HASH_RATIO, HASH_STUDENTS, HASH_COST = 1.3, 1_000, ("19456", "2")
EVENT_STUDENTS, EVENT_MILLISECONDS = 5_000, 100
REFUSALS, REFUSALS_APART = 200, 10  # tries of each kind; milliseconds between their medians
SIGN_INS = 200  # at once
HELP_SECONDS = 0.35  # beyond a Python that does nothing
COUNTER_SECONDS = {"show": 0.5, "plan": 0.8, "letters": 1.0}
PEOPLE, REQUESTS = 200_000, 200
PEOPLE_MILLISECONDS = {"search": 100, "list": 150, "counts": 300}  # of 95 of 100
SAME_RATIO, SAME_STUDENTS, SAME_MEGABYTES = 30.0, 50_000, 200
NOT_COMPILED = "PYTHONDONTWRITEBYTECODE"  # not measured: an installed package is compiled
FIRST_MEMORY = 1.2  # of a first load, over that of the sync which changes nothing after it


def main() -> int:
    """Run the benchmarks that are named, all by default; 1 if one misses its bound."""
    benchmarks: dict[str, Callable[[int], bool]] = {
        "create": create,
        "hashing": hashing,
        "unchanged": unchanged,
        "events": events,
        "signin": signin,
        "help": first_help,
        "counter": counter,
        "people": people,
    }
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(benchmarks))
    parser.add_argument("--rounds", type=int, default=3, help="pairs to run (default 3)")
    options = parser.parse_args()
    held = [benchmarks[name](options.rounds) for name in options.names or benchmarks]
    return 0 if all(held) else 1


def create(rounds: int) -> bool:
    """5,000 new students by sync, beside ldapadd of the same entries with ready hashes."""
    print(f"create: sync of {CREATE_STUDENTS:,} new students, argon2id m=1024,t=1")
    ratios = []
    for _ in range(rounds):
        with _sandbox() as sandbox:
            write_register(sandbox.folder / "enrolments.csv", CREATE_STUDENTS, _year())
            ours = _sync(sandbox)
            entries = _dump(sandbox)
        with _sandbox() as sandbox:
            theirs = _timed(_ldap("ldapadd", sandbox), stdin=entries)
        ratio = ours.seconds / theirs.seconds
        ratios.append(ratio)
        print(f"  sync {ours.seconds:6.2f} s   ldapadd {theirs.seconds:6.2f} s   ratio {ratio:.2f}")
    return _judge("create", ratios, CREATE_RATIO)


def hashing(rounds: int) -> bool:
    """1,000 new students with the default hashing, beyond the sync itself, beside argon2 alone."""
    print(f"hashing: {HASH_STUDENTS:,} new students, argon2id m={HASH_COST[0]},t={HASH_COST[1]}")
    ratios = []
    for _ in range(rounds):
        before = _argon2_alone()
        seconds = []
        for cost in (("8", "1"), HASH_COST):
            with _sandbox() as sandbox:
                write_register(sandbox.folder / "enrolments.csv", HASH_STUDENTS, _year())
                seconds.append(_sync(sandbox, *cost).seconds)
        alone = (before + _argon2_alone()) / 2  # on both sides: a machine's speed changes
        ratios.append((seconds[1] - seconds[0]) / alone)
        print(
            f"  sync {seconds[0]:6.2f} s, with hashing {seconds[1]:6.2f} s   "
            f"argon2 alone {alone:6.2f} s   ratio {ratios[-1]:.2f}"
        )
    return _judge("hashing", ratios, HASH_RATIO)


def _argon2_alone() -> float:
    """Seconds for as many hashes on all cores, and nothing else."""
    memory, passes = map(int, HASH_COST)
    began = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(
            lambda n: hash_argon2id(SecretStr(f"{n:06}"), memory, passes), range(HASH_STUDENTS)
        ):
            pass
    return time.perf_counter() - began


def unchanged(rounds: int) -> bool:
    """A sync that changes nothing among 50,000, beside ldapsearch and the sync that made them."""
    print(f"unchanged: sync that changes nothing among {SAME_STUDENTS:,} entries")
    ratios, megabytes = [], []
    with _sandbox() as sandbox:
        write_register(sandbox.folder / "enrolments.csv", SAME_STUDENTS, _year())
        first = _sync(sandbox)
        print(f"  (made in {first.seconds:.0f} s, {first.megabytes:.0f} MB)")
        for _ in range(rounds):
            ours = _sync(sandbox)
            theirs = _timed([*_ldap("ldapsearch", sandbox), "-b", sandbox.names.people_dn])
            ratios.append(ours.seconds / theirs.seconds)
            megabytes.append(ours.megabytes)
            print(
                f"  sync {ours.seconds:6.2f} s, {ours.megabytes:.0f} MB   "
                f"ldapsearch {theirs.seconds:6.2f} s   ratio {ratios[-1]:.1f}"
            )
    small = max(megabytes) <= SAME_MEGABYTES
    if not small:
        print(f"  MISSED: {max(megabytes):.0f} MB, at most {SAME_MEGABYTES} MB")
    growth = [first.megabytes / max(megabytes)]
    flat = _judge("first load's memory", growth, FIRST_MEMORY)
    return _judge("unchanged", ratios, SAME_RATIO) and small and flat


def events(rounds: int) -> bool:
    """From sending a signed event to its value in the directory, at fifty a second."""
    number = 1_000 * rounds
    print(f"events: {number:,} at {PER_SECOND} a second, {EVENT_STUDENTS:,} students")
    with _sandbox() as sandbox:
        write_register(sandbox.folder / "enrolments.csv", EVENT_STUDENTS, _year())
        _sync(sandbox)
        found = lags(sandbox, EVENT_STUDENTS, number)
    shares = {share: 1000 * percentile(found, share) for share in (0.5, 0.95, 0.99, 1.0)}
    told = "   ".join(f"p{share * 100:g} {value:.0f} ms" for share, value in shares.items())
    held = shares[0.99] <= EVENT_MILLISECONDS
    print(f"  {told}")
    print(f"  {'held' if held else 'MISSED'}: p99 at most {EVENT_MILLISECONDS} ms")
    return held


def signin(rounds: int) -> bool:
    """Refusals of each kind, whose answers leave at the same moment, and many students at once."""
    print(f"signin: {REFUSALS} refusals of each kind, then {SIGN_INS} students at once")
    with _sandbox() as sandbox:
        write_register(sandbox.folder / "enrolments.csv", 2 * SIGN_INS, _year())
        _sync(sandbox, memory="19456", passes="2")
        medians: list[float] = []
        for kind, times in refusals(sandbox, REFUSALS).items():
            work, answer = (1000 * statistics.median(column) for column in zip(*times, strict=True))
            medians.append(answer)
            print(f"  {kind:9}  work {work:5.1f} ms   answer leaves after {answer:6.1f} ms")
        seconds = [at_once(sandbox, FIRST_NUMBER + SIGN_INS, SIGN_INS) for _ in range(rounds)]
    print(f"  {SIGN_INS} at once: {sorted(seconds)[rounds // 2]:.1f} s")
    apart = max(medians) - min(medians)
    held = apart <= REFUSALS_APART
    print(
        f"  {'held' if held else 'MISSED'}: medians {apart:.1f} ms apart, at most {REFUSALS_APART}"
    )
    return held


def people(rounds: int) -> bool:
    """Search, lists and counts of the service desk, ten at once, beside a run that writes."""
    print(f"people: {REQUESTS} requests of each kind, {index.AT_ONCE} at once, {PEOPLE:,} people")
    with tempfile.TemporaryDirectory(prefix="scolpass-bench-") as folder:
        url = f"sqlite:///{folder}/journal.db"
        index.fill(url, PEOPLE)
        found = [index.answers(url, PEOPLE, REQUESTS) for _ in range(rounds)]
    held = True
    for name, bound in PEOPLE_MILLISECONDS.items():
        times = [1000 * percentile(one[name], 0.95) for one in found]
        median = statistics.median(times)
        held = held and median <= bound
        verdict = "held" if median <= bound else "MISSED"
        print(f"  {verdict}: {name} p95 median {median:.0f} ms, at most {bound} ms")
    return held


def first_help(rounds: int) -> bool:
    """The help, and the completion of a command, beyond a Python that does nothing."""
    print("help: scolpass --help, and the completion of its commands")
    command = [str(Path(sys.executable).with_name("scolpass"))]  # whose name completion goes by
    completion = {
        "_SCOLPASS_COMPLETE": "complete_bash",
        "COMP_WORDS": "scolpass s",
        "COMP_CWORD": "1",
    }
    held = True
    for name, arguments, environment in (("help", ["--help"], {}), ("completion", [], completion)):
        seconds = []
        for _ in range(3 * rounds):
            nothing = _timed([sys.executable, "-c", "pass"]).seconds
            seconds.append(_timed([*command, *arguments], **environment).seconds - nothing)
        held = _judge_seconds(name, seconds, HELP_SECONDS) and held
    return held


def counter(rounds: int) -> bool:
    """What is asked at the counter, of one student among 50,000."""
    print(f"counter: one student among {SAME_STUDENTS:,}")
    held = True
    with _sandbox() as sandbox:
        write_register(sandbox.folder / "enrolments.csv", SAME_STUDENTS, _year())
        _sync(sandbox)
        student = str(FIRST_NUMBER + SAME_STUDENTS // 2)
        for name, bound in COUNTER_SECONDS.items():
            command = [sys.executable, "-m", "connector", "--config", str(sandbox.config), name]
            out = ["--out", str(sandbox.folder / "letter.pdf")] if name == "letters" else []
            seconds = [_timed([*command, student, *out]).seconds for _ in range(3 * rounds)]
            held = _judge_seconds(name, seconds, bound) and held
    return held


def _judge_seconds(name: str, seconds: list[float], bound: float) -> bool:
    median = statistics.median(seconds)
    held = median <= bound
    print(f"  {'held' if held else 'MISSED'}: {name} median {median:.2f} s, at most {bound:g} s")
    return held


def _judge(name: str, ratios: list[float], bound: float) -> bool:
    median = sorted(ratios)[len(ratios) // 2]
    held = median <= bound
    print(f"  {'held' if held else 'MISSED'}: {name} median ratio {median:.2f}, at most {bound:g}")
    return held


class _Run:
    def __init__(self, seconds: float, megabytes: float) -> None:
        self.seconds = seconds
        self.megabytes = megabytes


def _timed(command: list[str], *, stdin: str | None = None, **environment: str) -> _Run:
    """Run a command to its end: wall clock, and the largest memory of any child so far."""
    began = time.perf_counter()
    pid = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={name: os.environ[name] for name in os.environ if name != NOT_COMPILED} | environment,
    )
    _, said = pid.communicate(stdin)
    seconds = time.perf_counter() - began
    if pid.returncode != 0:
        raise SystemExit(f"{command[0]} ended {pid.returncode}: {said[-500:]}")
    return _Run(seconds, 0)


def _sync(sandbox: Sandbox, memory: str = "1024", passes: str = "1") -> _Run:
    """One ``scolpass sync`` as a process of its own, with its own peak memory."""
    measured = sandbox.folder / "measured.json"
    code = (
        "import json, resource, subprocess, sys, time\n"
        "began = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "seconds = time.perf_counter() - began\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "json.dump([done.returncode, seconds, peak, done.stderr.decode()[-500:]], "
        "open(sys.argv[1], 'w'))\n"
    )
    command = [sys.executable, "-c", code, str(measured), sys.executable, "-m", "connector"]
    _timed(
        [*command, "--config", str(sandbox.config), "sync"],
        SCOLPASS_PASSWORD__PROVISIONAL__MEMORY_COST=memory,
        SCOLPASS_PASSWORD__PROVISIONAL__TIME_COST=passes,
    )
    status, seconds, kilobytes, said = json.loads(measured.read_text())
    if status != 0:
        raise SystemExit(f"scolpass sync ended {status}: {said}")
    return _Run(seconds, kilobytes / 1024)


@contextmanager
def _sandbox() -> Iterator[Sandbox]:
    folder = Path(tempfile.mkdtemp(prefix="scolpass-bench-"))
    try:
        with Sandbox.prepare(folder / "sandbox") as sandbox:
            yield sandbox
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ldap(tool: str, sandbox: Sandbox) -> list[str]:
    """One of OpenLDAP's tools, bound as the directory's administrator."""
    who = ["-D", sandbox.admin_dn, "-y", str(sandbox.admin_password_file)]
    quiet = ["-LLL", "-E", "pr=1000/noprompt"] if tool == "ldapsearch" else ["-c"]
    return [tool, "-x", "-H", sandbox.uri, *who, *quiet]


def _dump(sandbox: Sandbox) -> str:
    """The students' entries as they stand, ready for ldapadd: hashes, pwd* and all."""
    wanted = ["*", "pwdReset", "pwdEndTime", "pwdPolicySubentry"]
    command = [*_ldap("ldapsearch", sandbox), "-b", sandbox.names.people_dn, "-s", "one", *wanted]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _year() -> int:
    today = instant()
    return today.year if today.month >= 9 else today.year - 1


if __name__ == "__main__":
    sys.exit(main())
