/** <naru-player>: plays a recording (asciicast version 2) on a screen, with speed, pause and place. */

import { openScreen } from "./terminal_screen.js";

const LONGEST_PAUSE_S = 1.5;
const TICK_MS = 40;

/** Lines of text to {width, height, events: [{at, kind, text}]}; what is no event is left out. */
export function parseCast(text) {
  const [first, ...lines] = text.split("\n");
  const head = JSON.parse(first);
  const events = [];
  for (const line of lines) {
    if (!line) continue;
    const [at, kind, said] = JSON.parse(line);
    if (Number.isFinite(at) && typeof said === "string") events.push({ at, kind, text: said });
  }
  return { width: Number(head.width) || 80, height: Number(head.height) || 24, events };
}

/** When each event is due, with pauses as they were or none longer than `longest` seconds. */
export function timesOf(events, longest) {
  let before = 0;
  let now = 0;
  return events.map(({ at }) => {
    now += Math.min(Math.max(0, at - before), longest);
    before = at;
    return now;
  });
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

class NaruPlayer extends HTMLElement {
  connectedCallback() {
    if (this.isWired) return;
    this.isWired = true;
    this.next = 0;
    this.now = 0;
    this.timer = 0;
    this.part("load").addEventListener("click", () => this.#load());
    this.part("toggle").addEventListener("click", () => this.#toggle());
    this.part("place").addEventListener("input", (event) => this.#go(Number(event.target.value)));
    this.part("pauses").addEventListener("change", () => this.#retime());
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  part(name) {
    return this.querySelector(`[data-${name}]`);
  }

  /** For tests: what the screen holds. */
  text() {
    const buffer = this.screen?.buffer.active;
    return buffer ? Array.from({ length: buffer.length }, (_none, row) => buffer.getLine(row).translateToString(true)).join("\n") : "";
  }

  async #load() {
    try {
      const response = await fetch(this.dataset.recording);
      if (!response.ok) throw new Error(String(response.status));
      this.cast = parseCast(await response.text());
    } catch {
      this.part("trouble").textContent = this.dataset.textFailed;
      this.part("trouble").hidden = false;
      return;
    }
    this.part("cover").hidden = true;
    this.part("bar").hidden = false;
    this.screen = openScreen(this.part("screen"), {
      cols: this.cast.width,
      rows: this.cast.height,
      disableStdin: true,
      cursorBlink: false,
    }).screen;
    this.screen.textarea.setAttribute("aria-label", this.dataset.label);
    this.screen.textarea.tabIndex = -1;
    this.#retime();
    this.#play();
  }

  #retime() {
    const share = this.times?.at(-1) ? this.now / this.times.at(-1) : 0;
    this.times = timesOf(this.cast.events, this.part("pauses").checked ? LONGEST_PAUSE_S : Number.POSITIVE_INFINITY);
    this.part("place").max = String(this.#length);
    this.#go(share * this.#length);
  }

  get #length() {
    return this.times.at(-1) || 0;
  }

  #toggle() {
    if (this.timer) this.#pause();
    else {
      if (this.now >= this.#length) this.#go(0);
      this.#play();
    }
  }

  #play() {
    let last = performance.now();
    this.timer = setInterval(() => {
      const at = performance.now();
      this.now += ((at - last) / 1000) * Number(this.part("speed").value);
      last = at;
      this.#catchUp();
      if (this.now >= this.#length) this.#pause();
    }, TICK_MS);
    this.#drawButton();
  }

  #pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.#drawButton();
  }

  #drawButton() {
    const isPlaying = this.timer !== 0;
    this.part("when-paused").hidden = isPlaying;
    this.part("when-playing").hidden = !isPlaying;
    this.part("toggle").setAttribute("aria-label", isPlaying ? this.dataset.textPause : this.dataset.textPlay);
  }

  /** Back means from the beginning, quickly. */
  #go(place) {
    if (place < this.now) {
      this.screen.reset();
      this.screen.resize(this.cast.width, this.cast.height);
      this.next = 0;
    }
    this.now = place;
    this.#catchUp();
  }

  #catchUp() {
    this.now = Math.min(this.now, this.#length);
    while (this.next < this.times.length && this.times[this.next] <= this.now) this.#do(this.cast.events[this.next++]);
    this.part("place").value = String(this.now);
    this.part("time").textContent = `${clock(this.now)} / ${clock(this.#length)}`;
  }

  #do({ kind, text }) {
    if (kind === "o") this.screen.write(text);
    if (kind === "r") {
      const [columns, rows] = text.split("x").map(Number);
      if (columns > 0 && rows > 0) this.screen.resize(columns, rows);
    }
    if (kind === "i" || kind === "m") {
      const place = this.part("input");
      place.hidden = false;
      place.textContent = kind === "i" ? `⌨ ${JSON.stringify(text).slice(1, -1)}` : text;
    }
  }
}

customElements.define("naru-player", NaruPlayer);
