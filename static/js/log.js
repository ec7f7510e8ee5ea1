/**
 * <naru-log>: the log viewer, for containers and for job output alike, one or several in the order of their times.
 *
 * The template draws the toolbar and its words; this attaches behaviour. Follows only while at the bottom. Text from
 * containers is hostile: it passes `ansi.js` and ends in `textContent`. Lines are kept as they came, with the style in
 * force before them, and are taken apart when they are drawn: that keeps a quarter of a million of them small.
 */

import { PLAIN, parseLine, plainText } from "./ansi.js";
import { live } from "./live.js";
import { LogList } from "./log_list.js";
import { Markers, drawMarker, fetchMarkers, takeLater } from "./log_markers.js";
import { LogMerge } from "./log_merge.js";

const KEPT_LINES = 250_000;
const KEPT_AFTER_TRIM = 200_000;
const MERGE_EVERY_MS = 150;
const LATE_MS = 10_000;
// what is shown as it is: no escapes, no controls
const HAS_SIGNS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

class NaruLog extends HTMLElement {
  connectedCallback() {
    if (this.list) return;
    this.all = [];
    this.shown = this.all;
    // by source: the style in force after its last line
    this.styles = new Map();
    this.sources = [...this.querySelectorAll("[data-log-source]")];
    this.hiddenSources = new Set();
    this.unseen = 0;
    // lines, not counting what is drawn between them
    this.held = 0;
    this.dropped = 0;
    this.needle = "";
    this.markers = new Markers();
    this.view = this.part("view");
    this.list = new LogList(this.view, (line) => this.#drawn(line));
    this.list.replace(this.shown);
    this.#wire();
    this.#subscribe();
    this.#mark();
  }

  disconnectedCallback() {
    for (const topic of [this.dataset.topic, ...this.sources.map((source) => source.dataset.topic)]) if (topic) live.unsubscribe(topic);
    clearInterval(this.merging);
  }

  part(name) {
    return this.querySelector(`[data-log-${name}]`);
  }

  /** For tests: lose the websocket as a network would. */
  disconnect() {
    live.drop();
  }

  /** For tests: every line received so far, as plain text. */
  text() {
    return this.all.filter((line) => !line.marker).map(textIn);
  }

  get following() {
    return this.view.dataset.follow !== "off";
  }

  #wire() {
    this.part("filter")?.addEventListener("input", (event) => this.#filter(event.target.value));
    this.#toggle("timestamps", () => this.classList.toggle("log-has-times"));
    this.#toggle("wrap", () => this.classList.toggle("log-wraps"));
    this.part("save")?.addEventListener("click", () => this.#save());
    this.part("pill").addEventListener("click", () => this.#follow());
    this.view.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.classList.toggle("log-wraps", this.part("wrap")?.getAttribute("aria-pressed") === "true");
  }

  #toggle(name, act) {
    const button = this.part(name);
    button?.addEventListener("click", () => {
      const stays = this.following;
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      act();
      this.list.remeasure();
      if (stays) this.list.toBottom();
    });
  }

  #subscribe() {
    if (this.sources.length) this.#subscribeAll();
    if (!this.dataset.topic && !this.dataset.poll) return;
    // who has only a link has no socket
    const subscribe = (options) => (this.dataset.topic ? live.subscribe(this.dataset.topic, options) : live.poll(options));
    subscribe({
      since: this.dataset.since || null,
      pollUrl: this.dataset.poll,
      onLines: (lines) => this.append(lines),
      onEnd: (message) => this.#ended(message),
      onRefused: (message, code) => this.#say(message || this.dataset[code === 4404 ? "textGone" : "textForbidden"]),
    });
  }

  /** Where the template names a source of markers (`data-markers`): now, and when the element that it names is rung. */
  async #mark() {
    if (!this.dataset.markers) return;
    if (!this.marked) {
      this.marked = true;
      document.addEventListener("naru:changed", (event) => event.target.id === "marks" && this.#mark());
    }
    const told = await fetchMarkers(this.dataset.markers);
    this.markers.add(told.map((marker) => ({ ...marker, source: this.#sourceOf(marker.of) })));
    // without lines nobody knows yet what part of the log this is
    if (this.all.length && this.markers.place(this.all)) this.#filter(this.needle);
  }

  /** Where there are several: which of them `key` names. */
  #sourceOf(key) {
    const found = this.sources.findIndex((source) => source.dataset.key === key);
    return found < 0 ? undefined : found;
  }

  /** One topic for each source; what they bring is put in the order of its times. */
  #subscribeAll() {
    const merge = (this.merge = new LogMerge(this.sources.map((_source, key) => key), performance.now()));
    this.sources.forEach((source, key) => {
      source.addEventListener("click", () => this.#toggleSource(source, key));
      live.subscribe(source.dataset.topic, {
        since: source.dataset.since || null,
        pollUrl: source.dataset.poll,
        onLines: (lines) => merge.add(key, lines, performance.now()),
        onRefused: (message, code) => {
          source.classList.add("is-lost");
          source.title = message || this.dataset[code === 4404 ? "textGone" : "textForbidden"];
        },
      });
    });
    this.merging = setInterval(() => {
      const lines = merge.take(performance.now());
      if (lines.length) this.append(lines);
    }, MERGE_EVERY_MS);
  }

  #toggleSource(source, key) {
    if (!this.hiddenSources.delete(key)) this.hiddenSources.add(key);
    source.setAttribute("aria-pressed", String(!this.hiddenSources.has(key)));
    this.#filter(this.needle);
  }

  /** `lines`: [[milliseconds or null, stream, text, source if there are several], …] in order. */
  append(lines) {
    this.part("note").hidden = true;
    const isFiltered = this.shown !== this.all;
    let moved = false;
    for (const [at, stream, raw, source] of lines) {
      const style = this.styles.get(source) ?? PLAIN;
      if (raw.includes("\x1b") || raw.includes("\x9b")) this.styles.set(source, parseLine(raw, style).style);
      const line = { at, stream, raw, style, source };
      const later = takeLater(this.all, at);
      moved ||= later.length > 0;
      const earlier = this.all.length ? this.markers.before(at) : this.markers.begin(at);
      const added = [...earlier, line, ...later];
      this.all.push(...added);
      if (isFiltered) this.shown.push(...added.filter((one) => this.#matches(one)));
    }
    this.held += lines.length;
    const isLate = this.#isLate(lines);
    if (isLate) this.all.sort((one, other) => one.at - other.at);
    if (this.markers.place(this.all) || moved || isLate) this.#filter(this.needle);
    this.#trim();
    this.list.grown();
    if (this.following) this.list.toBottom();
    else this.unseen += lines.length;
    this.#count();
  }

  /** Of several logs: a slow source may bring what belongs before lines that are shown. What is very late, because the
   * clock of its host is behind, stays where it came, or nobody would see it.
   */
  #isLate(lines) {
    const before = this.all[this.all.length - lines.length - 1];
    if (!this.sources.length || !before || !lines.length || lines[0][0] >= before.at) return false;
    return this.merge.catchesUp || before.at - lines[0][0] < LATE_MS;
  }

  #trim() {
    if (this.all.length <= KEPT_LINES) return;
    const gone = this.all.splice(0, this.all.length - KEPT_AFTER_TRIM).filter((line) => !line.marker).length;
    this.held -= gone;
    this.dropped += gone;
    this.#filter(this.needle);
  }

  #filter(needle) {
    this.needle = needle.toLowerCase();
    this.shown = this.needle || this.hiddenSources.size ? this.all.filter((line) => this.#matches(line)) : this.all;
    this.list.replace(this.shown);
    if (this.following) this.list.toBottom();
    this.#count();
  }

  #matches(line) {
    return !this.hiddenSources.has(line.source) && textIn(line).toLowerCase().includes(this.needle);
  }

  #scrolled() {
    const bottom = this.list.atBottom;
    this.view.dataset.follow = bottom ? "on" : "off";
    if (bottom && this.unseen) {
      this.unseen = 0;
      this.#count();
    }
  }

  #follow() {
    this.view.dataset.follow = "on";
    this.unseen = 0;
    this.list.toBottom();
    this.#count();
    this.view.focus();
  }

  #count() {
    const total = this.held + this.dropped;
    const number = new Intl.NumberFormat(document.documentElement.lang);
    this.part("count").textContent = this.shown !== this.all
      ? `${number.format(this.shown.length)} / ${number.format(total)}`
      : number.format(total);
    this.dataset.lines = String(total);
    this.part("pill").hidden = !this.unseen;
    this.part("pill-count").textContent = number.format(this.unseen);
    this.part("empty").hidden = this.shown.length > 0;
    this.part("dropped").hidden = !this.dropped;
  }

  #ended(message) {
    this.dataset.ended = message.state || "end";
    const end = this.part("end");
    if (end) end.hidden = false;
    if (this.following) this.list.toBottom();
    this.dispatchEvent(new CustomEvent("naru:ended", { bubbles: true, detail: message }));
  }

  /** What is shown, as a file. */
  #save() {
    const lines = this.shown.map((line) => {
      const at = line.at ? `${new Date(line.at).toISOString()} ` : "";
      return `${at}${this.#nameOf(line)}${textIn(line)}\n`;
    });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "text/plain" }));
    link.download = this.dataset.saveAs || "log.txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  #nameOf(line) {
    return line.source === undefined ? "" : `${this.sources[line.source].dataset.name} `;
  }

  #say(text) {
    const note = this.part("note");
    note.textContent = text;
    note.hidden = false;
  }

  #drawn(line) {
    if (line.marker) return drawMarker(line, this.#nameTag(line));
    const row = document.createElement("div");
    row.className = `log-line log-${line.stream}`;
    const time = document.createElement("time");
    if (line.at) {
      const at = new Date(line.at);
      time.dateTime = at.toISOString();
      time.title = at.toISOString();
      time.textContent = at.toISOString().slice(11, 23);
    }
    row.append(time);
    row.append(...this.#nameTag(line), textOf(parseLine(line.raw, line.style).runs));
    return row;
  }

  /** Of which container it is, where there are several. */
  #nameTag(line) {
    if (line.source === undefined) return [];
    const name = document.createElement("span");
    name.className = `log-source log-source-${line.source % 12}`;
    name.textContent = this.sources[line.source].dataset.name;
    return [name];
  }
}

function textIn(line) {
  if (line.marker) return line.text;
  return HAS_SIGNS.test(line.raw) ? plainText(line.raw) : line.raw;
}

function textOf(runs) {
  const text = document.createElement("span");
  text.className = "log-text";
  for (const run of runs) {
    if (!run.classes) {
      text.append(run.text);
      continue;
    }
    const span = document.createElement("span");
    span.className = run.classes;
    span.textContent = run.text;
    text.append(span);
  }
  if (!runs.length) text.append("\u200b");
  return text;
}

customElements.define("naru-log", NaruLog);
