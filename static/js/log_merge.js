/**
 * Lines of several logs in the order of their times. Pure: told what has come and what time it is, it says what to show.
 *
 * A line waits while another source may still bring an earlier one: one that has sent something within the window and
 * has not passed that time yet. No line waits longer than the window, so what comes later than that is out of order,
 * and shown where it comes.
 */

export const WINDOW_MS = 1000;
const MOST_HELD = 50_000;

export class LogMerge {
  constructor(keys, now) {
    this.sources = new Map(keys.map((key) => [key, { key, waiting: [], from: 0, newest: 0, heardAt: now }]));
    this.held = 0;
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
    for (;;) {
      const next = this.#earliest();
      if (!next) break;
      const head = next.waiting[next.from];
      if (this.held <= MOST_HELD && now - head.came < WINDOW_MS && this.#mayBeEarlier(head.at, next, now)) break;
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

  /** Whether some other source, with nothing waiting, may still send a line from before `at`. */
  #mayBeEarlier(at, than, now) {
    for (const source of this.sources.values()) {
      if (source === than || source.from < source.waiting.length) continue;
      if (source.newest < at && now - source.heardAt < WINDOW_MS) return true;
    }
    return false;
  }
}
