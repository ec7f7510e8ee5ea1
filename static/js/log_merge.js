/**
 * Lines of several logs in the order of their times. Pure: told what has come and what time it is, it says what to show.
 *
 * A line waits while another source may still bring an earlier one: one that has sent something within the window and
 * has not passed that time yet. Once a source has caught up with what was written before the page was opened, no line
 * waits longer than the window for it (its host's clock may be behind), so what comes later than that is out of order,
 * and shown where it comes.
 */

export const WINDOW_MS = 1000;
const FIRST_ANSWER_MS = 4000;
const CATCHES_UP_MS = 60_000;
const MOST_HELD = 100_000;

export class LogMerge {
  constructor(keys, now) {
    this.sources = new Map(keys.map((key) => [key, { key, waiting: [], from: 0, newest: 0, heardAt: now, beganAt: now, catchesUp: true }]));
    this.held = 0;
  }

  /** Whether some source may still be reading what was written before. */
  get catchesUp() {
    return [...this.sources.values()].some((source) => source.catchesUp);
  }

  /** `lines`: [[milliseconds or null, stream, text], …] of one source, in its order. */
  add(key, lines, now) {
    const source = this.sources.get(key);
    source.heardAt = now;
    for (const [at, stream, text] of lines) {
      // a line without a time goes with the one before it
      source.newest = Math.max(source.newest, at ?? source.newest);
      source.waiting.push({ line: [at, stream, text, key], at: at ?? source.newest, came: now });
    }
    this.held += lines.length;
  }

  /** What may be shown now, in order: [[milliseconds or null, stream, text, source], …] */
  take(now) {
    const ready = [];
    for (const source of this.sources.values()) {
      if (this.#isSilent(source, now) || now - source.beganAt > CATCHES_UP_MS) source.catchesUp = false;
    }
    for (;;) {
      const next = this.#earliest();
      if (!next) break;
      const head = next.waiting[next.from];
      if (this.held <= MOST_HELD && this.#mayBeEarlier(head, next, now)) break;
      ready.push(head.line);
      next.from += 1;
      this.held -= 1;
      if (next.from === next.waiting.length) {
        next.waiting = [];
        next.from = 0;
      }
    }
    return ready;
  }

  #earliest() {
    let found = null;
    for (const source of this.sources.values()) {
      if (source.from >= source.waiting.length) continue;
      if (!found || source.waiting[source.from].at < found.waiting[found.from].at) found = source;
    }
    return found;
  }

  /** Whether some other source, with nothing waiting, may still send a line from before `head`, the next of `than`. */
  #mayBeEarlier(head, than, now) {
    for (const source of this.sources.values()) {
      if (source === than || source.from < source.waiting.length || source.newest >= head.at) continue;
      if (!this.#isSilent(source, now) && (source.catchesUp || now - head.came < WINDOW_MS)) return true;
    }
    return false;
  }

  #isSilent(source, now) {
    return now - source.heardAt >= (source.catchesUp ? FIRST_ANSWER_MS : WINDOW_MS);
  }
}
