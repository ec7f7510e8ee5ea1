/**
 * <naru-log>: the log viewer, for containers and for job output alike.
 *
 * The template draws the toolbar and its words; this attaches behaviour. Follows only while at the bottom. Text from
 * containers is hostile: it passes `ansi.js` and ends in `textContent`.
 */

import { PLAIN, parseLine } from "./ansi.js";
import { live } from "./live.js";
import { LogList } from "./log_list.js";
import { Markers, drawMarker, fetchMarkers, takeLater } from "./log_markers.js";

const KEPT_LINES = 100_000;
const KEPT_AFTER_TRIM = 80_000;

class NaruLog extends HTMLElement {
  connectedCallback() {
    if (this.list) return;
    this.all = [];
    this.shown = this.all;
    this.style0 = PLAIN;
    this.unseen = 0;
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
    if (this.dataset.topic) live.unsubscribe(this.dataset.topic);
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
    return this.all.filter((line) => !line.marker).map((line) => line.text);
  }

  get following() {
    return this.view.dataset.follow !== "off";
  }

  #wire() {
    this.part("filter")?.addEventListener("input", (event) => this.#filter(event.target.value));
    this.#toggle("timestamps", () => this.classList.toggle("log-has-times"));
    this.#toggle("wrap", () => this.classList.toggle("log-wraps"));
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
    this.markers.add(await fetchMarkers(this.dataset.markers));
    // without lines nobody knows yet what part of the log this is
    if (this.all.length && this.markers.place(this.all)) this.#filter(this.needle);
  }

  /** `lines`: [[milliseconds or null, stream, text], …] in order. */
  append(lines) {
    this.part("note").hidden = true;
    const isFiltered = this.shown !== this.all;
    let moved = false;
    for (const [at, stream, raw] of lines) {
      const { runs, style } = parseLine(raw, this.style0);
      this.style0 = style;
      const line = { at, stream, runs, text: runs.map((run) => run.text).join("") };
      const later = takeLater(this.all, at);
      moved ||= later.length > 0;
      const earlier = this.all.length ? this.markers.before(at) : this.markers.begin(at);
      const added = [...earlier, line, ...later];
      this.all.push(...added);
      if (isFiltered) this.shown.push(...added.filter((one) => this.#matches(one)));
    }
    if (this.markers.place(this.all) || moved) this.#filter(this.needle);
    this.#trim();
    this.list.grown();
    if (this.following) this.list.toBottom();
    else this.unseen += lines.length;
    this.#count();
  }

  #trim() {
    if (this.all.length <= KEPT_LINES) return;
    const excess = this.all.length - KEPT_AFTER_TRIM;
    this.all.splice(0, excess);
    this.dropped += excess;
    this.#filter(this.needle);
  }

  #filter(needle) {
    this.needle = needle.toLowerCase();
    this.shown = this.needle ? this.all.filter((line) => this.#matches(line)) : this.all;
    this.list.replace(this.shown);
    if (this.following) this.list.toBottom();
    this.#count();
  }

  #matches(line) {
    return line.text.toLowerCase().includes(this.needle);
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
    const markers = this.all.reduce((count, line) => count + (line.marker ? 1 : 0), 0);
    const total = this.all.length - markers + this.dropped;
    const number = new Intl.NumberFormat(document.documentElement.lang);
    this.part("count").textContent = this.needle
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

  #say(text) {
    const note = this.part("note");
    note.textContent = text;
    note.hidden = false;
  }

  #drawn(line) {
    if (line.marker) return drawMarker(line);
    const row = document.createElement("div");
    row.className = `log-line log-${line.stream}`;
    const time = document.createElement("time");
    if (line.at) {
      const at = new Date(line.at);
      time.dateTime = at.toISOString();
      time.title = at.toISOString();
      time.textContent = at.toISOString().slice(11, 23);
    }
    row.append(time, textOf(line.runs));
    return row;
  }
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
