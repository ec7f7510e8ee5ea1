"""The agent's own memory of attempts: a message delivered twice acts once, and a crash is noticed.

SQLite at ``NARU_DATA/agent-<host>.sqlite3``; ``synchronous=FULL``, so an attempt is on disk before anything is done.

    attempt(job, attempt) PRIMARY KEY, boot, state running|ended, fact (JSON of what was reported at its end), at
    head(at, line): signed heads of the audit log, kept where the console's database does not reach
    heard(at_ns): until when the engine's events were told
"""

import json
import sqlite3
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEPT_S = 7 * 24 * 3600
HEADS = 20_000
_LONGEST_HEAD = 1024


@dataclass(frozen=True, slots=True)
class Interrupted:
    job: int
    attempt: int


class Journal:
    """Thread safe. ``boot`` tells this run of the agent from earlier ones."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._boot = uuid.uuid4().hex
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=20)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS attempt"
            " (job INTEGER, attempt INTEGER, boot TEXT, state TEXT, fact TEXT, at REAL, PRIMARY KEY (job, attempt))"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS head (at REAL, line TEXT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS heard (one INTEGER PRIMARY KEY, at_ns INTEGER)")

    def keep_head(self, line: str) -> None:
        """The newest HEADS of them stay."""
        with self._lock:
            self._db.execute("INSERT INTO head VALUES (?, ?)", (time.time(), line[:_LONGEST_HEAD]))
            self._db.execute("DELETE FROM head WHERE rowid <= (SELECT MAX(rowid) FROM head) - ?", (HEADS,))

    def heads(self) -> list[str]:
        """In the order of their coming."""
        with self._lock:
            return [line for (line,) in self._db.execute("SELECT line FROM head ORDER BY rowid")]

    def begin(self, job: int, attempt: int) -> bool:
        """True for the first who asks; the attempt is then theirs to run."""
        with self._lock:
            row = (job, attempt, self._boot, time.time())
            done = self._db.execute("INSERT OR IGNORE INTO attempt VALUES (?, ?, ?, 'running', NULL, ?)", row)
            return done.rowcount == 1

    def end(self, job: int, attempt: int, fact: dict[str, Any]) -> None:
        with self._lock:
            row = (json.dumps(fact), time.time(), job, attempt)
            self._db.execute("UPDATE attempt SET state='ended', fact=?, at=? WHERE job=? AND attempt=?", row)

    def ended_fact(self, job: int, attempt: int) -> dict[str, Any] | None:
        """What was reported when this attempt ended, for one that has."""
        with self._lock:
            query = "SELECT fact FROM attempt WHERE job=? AND attempt=? AND state='ended'"
            row = self._db.execute(query, (job, attempt)).fetchone()
        return json.loads(row[0]) if row else None

    def earlier_answer(self, job: int, attempt: int) -> dict[str, Any] | None:
        """What an earlier attempt of the job ended with, for one that did not merely break off."""
        with self._lock:
            query = "SELECT fact FROM attempt WHERE job=? AND attempt<? AND state='ended' ORDER BY attempt DESC"
            facts = [json.loads(fact) for (fact,) in self._db.execute(query, (job, attempt))]
        return next((fact for fact in facts if fact["kind"] == "attempt.ended"), None)

    def ended_since(self, at_s: float) -> list[dict[str, Any]]:
        """What was reported of attempts that have ended since then, oldest first."""
        with self._lock:
            query = "SELECT fact FROM attempt WHERE state='ended' AND at>=? ORDER BY at"
            return [json.loads(fact) for (fact,) in self._db.execute(query, (at_s,))]

    def heard_until(self, now_ns: int) -> int:
        """Until when the engine's events were told, in nanoseconds since 1970; at first that is now."""
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO heard VALUES (1, ?)", (now_ns,))
            return int(self._db.execute("SELECT at_ns FROM heard").fetchone()[0])

    def keep_heard(self, at_ns: int) -> None:
        with self._lock:
            self._db.execute("UPDATE heard SET at_ns=MAX(at_ns, ?)", (at_ns,))

    def hear_again(self, since_ns: int) -> None:
        """What was told since then may have been lost on its way."""
        with self._lock:
            self._db.execute("UPDATE heard SET at_ns=MIN(at_ns, ?)", (since_ns,))

    def take_interrupted(self) -> list[Interrupted]:
        """Attempts that an earlier boot left running; from now on they count as ended."""
        with self._lock:
            query = "SELECT job, attempt FROM attempt WHERE state='running' AND boot<>? ORDER BY job"
            found = [Interrupted(*row) for row in self._db.execute(query, (self._boot,))]
            for lost in found:
                fact = json.dumps({"kind": "attempt.interrupted", "job": lost.job, "attempt": lost.attempt})
                self._db.execute(
                    "UPDATE attempt SET state='ended', fact=?, at=? WHERE job=? AND attempt=?",
                    (fact, time.time(), lost.job, lost.attempt),
                )
            self._db.execute("DELETE FROM attempt WHERE state='ended' AND at<?", (time.time() - KEPT_S,))
        return found

    def close(self) -> None:
        with self._lock:
            self._db.close()
