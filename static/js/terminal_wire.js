/**
 * One session over its websocket: what was shown and typed is counted, so that a socket that is lost costs nothing.
 *
 * Knows the wire of console/terminals/frames.py. Output is handed on with a function to call once it is on the screen,
 * which is the credit. Input waits here while the program does not take it. Knows no elements.
 */

const FIRST_DELAY_MS = 300;
const LAST_DELAY_MS = 5_000;
const INPUT_WINDOW_BYTES = 32 * 1024;
const PIECE_BYTES = 8 * 1024;
const CLOSE = { 1000: "over", 4400: "malformed", 4401: "signed-out", 4403: "forbidden", 4404: "gone", 4409: "elsewhere" };

export class TerminalWire extends EventTarget {
  constructor(address, size) {
    super();
    this.address = address;
    this.size = size;
    this.cursor = null;
    this.shown = 0;
    this.socket = null;
    this.state = "idle"; // connecting, live, retrying, over, malformed, signed-out, forbidden, gone, elsewhere
    this.failures = 0;
    this.end = null;
    this.pending = new Uint8Array(0);
    this.base = 0; // the place of pending[0]
    this.sent = 0;
    this.taken = 0;
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#become(this.failures ? "retrying" : "connecting");
    const socket = new WebSocket(`${scheme}//${location.host}${this.address}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.addEventListener("open", () => this.#say({ op: "attach", since: this.cursor, ...this.size }));
    socket.addEventListener("message", (event) => this.#received(event.data));
    socket.addEventListener("close", (event) => this.#closed(socket, event));
  }

  /** For tests: lose the socket as a network would. */
  drop() {
    this.socket?.close(3000, "dropped");
  }

  /** The page goes; the session stays for a while. */
  leave() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  type(text) {
    this.#typeBytes(new TextEncoder().encode(text));
  }

  /** What xterm calls binary: a character for each byte. */
  typeBinary(text) {
    this.#typeBytes(Uint8Array.from(text, (character) => character.charCodeAt(0) & 255));
  }

  resize(size) {
    this.size = size;
    if (this.state === "live") this.#say({ op: "resize", ...size });
  }

  #typeBytes(bytes) {
    const joined = new Uint8Array(this.pending.length + bytes.length);
    joined.set(this.pending);
    joined.set(bytes, this.pending.length);
    this.pending = joined;
    this.#flush();
  }

  #received(data) {
    if (data instanceof ArrayBuffer) {
      this.cursor += data.byteLength;
      const cursor = this.cursor;
      const show = { bytes: new Uint8Array(data), again: cursor <= this.shown, done: () => this.#say({ op: "shown", cursor }) };
      this.dispatchEvent(new CustomEvent("output", { detail: show }));
      return;
    }
    const message = JSON.parse(data);
    if (message.kind === "attached") this.#attached(message);
    if (message.kind === "taken") {
      this.taken = message.bytes;
      this.#forget(message.bytes);
      this.#flush();
    }
    if (message.kind === "idle") this.dispatchEvent(new CustomEvent("idle", { detail: message.ends_in_s }));
    if (message.kind === "end") {
      this.end = message;
      this.dispatchEvent(new CustomEvent("end", { detail: message }));
    }
  }

  #attached(message) {
    // a page that begins anew has typed nothing of what came before
    if (this.cursor === null) this.base = message.received;
    // the buffer does not reach back to where we were: the screen is drawn from its beginning
    else if (this.cursor !== message.cursor) this.dispatchEvent(new CustomEvent("anew"));
    this.cursor = message.cursor;
    this.shown = message.shown;
    this.taken = message.taken;
    this.failures = 0;
    this.#forget(message.received);
    this.sent = message.received;
    this.#become("live");
    this.dispatchEvent(new CustomEvent("attached", { detail: message }));
    this.#flush();
  }

  /** The server has these; they are not sent again. */
  #forget(received) {
    const count = Math.max(0, Math.min(this.pending.length, received - this.base));
    this.pending = this.pending.slice(count);
    this.base += count;
  }

  #flush() {
    if (this.state !== "live" || this.socket?.readyState !== WebSocket.OPEN) return;
    while (this.sent < this.base + this.pending.length && this.sent - this.taken < INPUT_WINDOW_BYTES) {
      const start = this.sent - this.base;
      const piece = this.pending.slice(start, start + PIECE_BYTES);
      this.socket.send(piece);
      this.sent += piece.length;
    }
  }

  #say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #closed(socket, event) {
    if (this.socket !== socket) return;
    this.socket = null;
    const last = CLOSE[event.code];
    if (last || this.end) {
      this.#become(this.end ? "over" : last);
      return;
    }
    this.failures += 1;
    this.#become("retrying");
    const delay = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.failures - 1)) * (0.75 + Math.random() / 2);
    setTimeout(() => this.connect(), delay);
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
