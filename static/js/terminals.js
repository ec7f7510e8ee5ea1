/**
 * <naru-terminals>: the terminals of a container, one tab each. The template draws the bar, the keys and all words.
 *
 * Which sessions are this page's is kept per browser tab, so a page that is loaded anew goes on with them.
 */

import { csrfToken } from "./page.js";
import { openScreen } from "./terminal_screen.js";
import { TerminalWire } from "./terminal_wire.js";

const KEYS = { escape: "\x1b", tab: "\t", up: "A", down: "B", right: "C", left: "D" };
const DEAD = { over: "ended", gone: "ended", malformed: "broken", forbidden: "broken", "signed-out": "broken", elsewhere: "broken" };
const WORDS = { connecting: "textConnecting", retrying: "textRetrying", "signed-out": "textSignedOut", forbidden: "textForbidden", gone: "textGone", elsewhere: "textElsewhere", malformed: "textMalformed" };

/** One session: its tab, its panel, its screen, its wire. */
class Session {
  constructor(owner, { key, number, command, end }) {
    Object.assign(this, { owner, key, number, endUrl: end, hasControl: false, isReplaying: false });
    this.tab = owner.cloned("tab");
    this.panel = owner.cloned("panel");
    this.button = this.tab.querySelector("[role=tab]");
    this.button.id = `terminal-tab-${number}`;
    this.panel.id = `terminal-panel-${number}`;
    this.button.setAttribute("aria-controls", this.panel.id);
    this.panel.setAttribute("aria-labelledby", this.button.id);
    this.tab.querySelector("[data-title]").textContent = `${command} #${number}`;
    owner.part("tabs").append(this.tab);
    owner.part("stage").append(this.panel);
  }

  open() {
    const { screen, fit, close } = openScreen(this.panel.querySelector("[data-screen]"), {
      scrollback: 5000,
      screenReaderMode: this.owner.isForReaders,
    });
    Object.assign(this, { screen, fit, closeScreen: close });
    screen.textarea.setAttribute("aria-label", this.owner.dataset.label);
    fit();
    this.wire = new TerminalWire(this.owner.dataset.socket + this.key, this.#size());
    screen.onData((text) => this.type(text));
    screen.onBinary((text) => this.wire.typeBinary(text));
    screen.onResize(() => this.wire.resize(this.#size()));
    screen.attachCustomKeyEventHandler((event) => this.#key(event));
    this.#follow();
    this.wire.connect();
  }

  /** From the keyboard, or as if from it. Answers of the screen to output that was answered before are dropped. */
  type(text) {
    if (this.isReplaying) return;
    if (this.hasControl && text.length === 1) {
      text = String.fromCharCode(text.toUpperCase().charCodeAt(0) & 31);
      this.owner.releaseControl();
    }
    this.wire.type(text);
    this.#note("");
  }

  press(name) {
    const arrow = KEYS[name].length === 1 && KEYS[name] >= "A" && KEYS[name] <= "D";
    const prefix = this.screen.modes.applicationCursorKeysMode ? "\x1bO" : "\x1b[";
    this.type(arrow ? prefix + KEYS[name] : KEYS[name]);
    this.screen.focus();
  }

  #size() {
    return { columns: Math.max(2, this.screen.cols), rows: Math.max(1, this.screen.rows) };
  }

  #follow() {
    this.wire.addEventListener("output", ({ detail }) => {
      // what is written is read later, and in order: so is this
      if (detail.again) this.screen.write("", () => (this.isReplaying = true));
      this.screen.write(detail.bytes, () => {
        this.isReplaying = false;
        detail.done();
      });
    });
    this.wire.addEventListener("attached", ({ detail }) => {
      this.screen.options.convertEol = !detail.has_tty;
    });
    this.wire.addEventListener("anew", () => this.screen.reset());
    this.wire.addEventListener("idle", () => this.#note(this.owner.dataset.textIdle));
    this.wire.addEventListener("end", ({ detail }) => this.#ended(detail));
    this.wire.addEventListener("state", ({ detail }) => this.#become(detail));
  }

  #become(state) {
    this.tab.dataset.state = DEAD[state] || state;
    this.panel.querySelector("[data-again]").hidden = state !== "elsewhere";
    if (state === "over") this.screen.options.disableStdin = true;
    if (!this.wire.end) this.#note(this.owner.dataset[WORDS[state]] || "");
    if (DEAD[state] && state !== "elsewhere") this.owner.forget(this);
  }

  #ended(message) {
    const name = message.why.replace(/(^|-)([a-z])/g, (_all, _dash, letter) => letter.toUpperCase());
    const words = [this.owner.dataset[`why${name}`], message.text];
    if (message.exit_code !== null) words.push(`${this.owner.dataset.textCode} ${message.exit_code}`);
    this.#note(words.filter(Boolean).join(" · "));
    // the server goes once everything is shown
    this.screen.write("", () => this.wire.socket?.close(1000));
  }

  #note(text) {
    const note = this.panel.querySelector("[data-note]");
    note.querySelector("[data-words]").textContent = text;
    if (note.hidden === !text) return;
    note.hidden = !text;
    this.fit?.();
  }

  /** False: the screen does not see the key. */
  #key(event) {
    if (event.type !== "keydown" || !event.ctrlKey || event.altKey || event.metaKey) return true;
    const name = event.key.toLowerCase();
    if (name === "c" && this.screen.hasSelection()) {
      navigator.clipboard?.writeText(this.screen.getSelection());
      this.screen.clearSelection();
      event.preventDefault();
      return false;
    }
    if (!event.shiftKey) return true;
    if (name === "f") {
      this.screen.blur();
      this.button.focus();
    }
    // Ctrl+Shift+V is the browser's own: it pastes into the screen
    if (name === "f" || name === "c") event.preventDefault();
    return !["f", "c", "v"].includes(name);
  }

  close() {
    this.wire?.leave();
    this.closeScreen?.();
    this.tab.remove();
    this.panel.remove();
  }
}

class NaruTerminals extends HTMLElement {
  connectedCallback() {
    if (this.sessions) return;
    this.sessions = [];
    this.current = null;
    this.isForReaders = localStorage.getItem("naru-terminal-reader") === "yes";
    this.#wire();
    this.#resume();
    new ResizeObserver(() => this.current?.fit()).observe(this.part("stage"));
  }

  part(name) {
    return this.querySelector(`[data-${name}]`);
  }

  cloned(name) {
    return this.querySelector(`template[data-${name}]`).content.firstElementChild.cloneNode(true);
  }

  /** For tests: what a session's screen holds. */
  text() {
    const buffer = this.current?.screen.buffer.active;
    return buffer ? Array.from({ length: buffer.length }, (_none, row) => buffer.getLine(row).translateToString(true)).join("\n") : "";
  }

  #wire() {
    for (const button of this.querySelectorAll("[data-new]")) button.addEventListener("click", () => this.#ask({}));
    this.part("wanted").addEventListener("submit", (event) => {
      event.preventDefault();
      const form = new FormData(event.target, event.submitter);
      const given = form.get("attach") ? { attach: "on" } : Object.fromEntries(form);
      document.getElementById("terminal-wanted").hidePopover();
      this.#ask(given);
    });
    for (const button of this.querySelectorAll("[data-keys] [data-key]")) {
      // the keyboard of a phone stays open
      button.addEventListener("pointerdown", (event) => event.preventDefault());
      button.addEventListener("click", () => this.#press(button.dataset.key));
    }
    this.part("paste").addEventListener("click", async () => {
      const text = await navigator.clipboard?.readText().catch(() => "");
      if (text) this.current?.screen.paste(text);
      this.current?.screen.focus();
    });
    const reader = this.part("reader");
    reader.setAttribute("aria-pressed", String(this.isForReaders));
    reader.addEventListener("click", () => this.#readers(reader));
    this.part("tabs").addEventListener("keydown", (event) => this.#arrows(event));
    addEventListener("pagehide", () => this.sessions.forEach((session) => session.wire.leave()));
  }

  #readers(button) {
    this.isForReaders = !this.isForReaders;
    localStorage.setItem("naru-terminal-reader", this.isForReaders ? "yes" : "no");
    button.setAttribute("aria-pressed", String(this.isForReaders));
    for (const session of this.sessions) session.screen.options.screenReaderMode = this.isForReaders;
  }

  /** What this browser tab had open goes on; what is open elsewhere is offered. */
  #resume() {
    const mine = this.#remembered();
    let others = 0;
    for (const item of this.querySelectorAll("[data-others] li")) {
      if (mine.includes(item.dataset.key)) {
        this.#add(item.dataset);
        item.remove();
        continue;
      }
      others += 1;
      item.querySelector("[data-continue]").addEventListener("click", () => {
        this.#add(item.dataset);
        item.remove();
      });
    }
    this.part("others").hidden = !others;
  }

  async #ask(given) {
    this.#trouble("");
    try {
      const body = new URLSearchParams(given);
      const headers = { "X-CSRFToken": csrfToken(), Accept: "application/json", "X-Requested-With": "fetch" };
      const response = await fetch(this.dataset.open, { method: "POST", headers, body });
      const answer = await response.json();
      if (response.ok) this.#add({ key: answer.key, number: String(answer.number), command: answer.command, end: answer.end_url });
      else this.#trouble(answer.message || this.dataset.textFailed);
    } catch {
      this.#trouble(this.dataset.textFailed);
    }
  }

  #add(facts) {
    const session = new Session(this, { ...facts });
    this.sessions.push(session);
    this.part("empty").hidden = true;
    this.part("keys").hidden = false;
    session.button.addEventListener("click", () => this.#show(session));
    session.tab.querySelector("[data-close]").addEventListener("click", () => this.#end(session));
    session.panel.querySelector("[data-again]").addEventListener("click", () => session.wire.connect());
    this.#show(session);
    session.open();
    session.screen.focus();
    this.#remember();
  }

  #show(session) {
    this.current = session;
    for (const other of this.sessions) {
      other.panel.hidden = other !== session;
      other.button.setAttribute("aria-selected", String(other === session));
      other.button.tabIndex = other === session ? 0 : -1;
    }
    if (session?.screen) {
      session.fit();
      session.screen.focus();
    }
  }

  #arrows(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.target.getAttribute("role") !== "tab") return;
    const at = this.sessions.indexOf(this.current) + step;
    const next = this.sessions[(at + this.sessions.length) % this.sessions.length];
    this.#show(next);
    next.button.focus();
  }

  async #end(session) {
    const isOpen = ["live", "connecting", "retrying"].includes(session.wire.state);
    this.forget(session);
    session.close();
    this.sessions = this.sessions.filter((other) => other !== session);
    if (this.current === session) this.#show(this.sessions.at(-1) || null);
    this.part("empty").hidden = this.sessions.length > 0;
    this.part("keys").hidden = !this.sessions.length;
    if (isOpen) await fetch(session.endUrl, { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => {});
  }

  #press(name) {
    if (name === "control") {
      this.#control(!this.current?.hasControl);
      this.current?.screen.focus();
    } else this.current?.press(name);
  }

  releaseControl() {
    this.#control(false);
  }

  #control(isHeld) {
    if (this.current) this.current.hasControl = isHeld;
    this.querySelector("[data-keys] [data-key=control]").setAttribute("aria-pressed", String(isHeld));
  }

  #trouble(text) {
    const place = this.part("trouble");
    place.textContent = text;
    place.hidden = !text;
  }

  #remembered() {
    return JSON.parse(sessionStorage.getItem("naru-terminals") || "[]");
  }

  #remember() {
    const keys = new Set([...this.#remembered(), ...this.sessions.map((session) => session.key)]);
    sessionStorage.setItem("naru-terminals", JSON.stringify([...keys].slice(-50)));
  }

  /** It is over, or given up here. */
  forget(session) {
    sessionStorage.setItem("naru-terminals", JSON.stringify(this.#remembered().filter((key) => key !== session.key)));
  }
}

customElements.define("naru-terminals", NaruTerminals);
