/**
 * One websocket for the whole page, and what to do without it.
 *
 * Knows the wire of console/live: subscribe with a cursor, give credit back for what was shown, reconnect with the
 * last cursor seen. While the socket is away the same cursors are asked for over plain HTTP. Knows no elements.
 */

const FIRST_DELAY_MS = 400;
const LAST_DELAY_MS = 10_000;
const TEXT_POLL_MS = 2_000;
const ROWS_POLL_MS = 5_000;
const CLOSE = { MALFORMED: 4400, SIGNED_OUT: 4401, FORBIDDEN: 4403, GONE: 4404 };

class Subscription {
  constructor(topic, options) {
    this.topic = topic;
    this.cursor = options.since || null;
    this.pollUrl = options.pollUrl || null;
    this.onLines = options.onLines || (() => {});
    this.onChanged = options.onChanged || (() => {});
    this.onEnd = options.onEnd || (() => {});
    this.onRefused = options.onRefused || (() => {});
    this.over = false;
    this.polling = false;
  }

  /** Take one message of text, from either road; returns the credit to give back. */
  take(message) {
    if (message.lines.length) this.onLines(message.lines);
    if (message.cursor) this.cursor = message.cursor;
    return message.bytes || 0;
  }
}

class Live extends EventTarget {
  constructor() {
    super();
    this.subscriptions = new Map();
    this.socket = null;
    this.state = "idle"; // idle, connecting, live, retrying, signed-out
    this.failures = 0;
    this.timers = [];
  }

  subscribe(topic, options) {
    const subscription = new Subscription(topic, options);
    this.subscriptions.set(topic, subscription);
    if (this.state === "idle") this.connect();
    else if (this.state === "live") this.#ask(subscription);
    return subscription;
  }

  /** Text without a socket, for a page of somebody who is not signed in. */
  poll(options) {
    const subscription = new Subscription("", options);
    const tick = async () => {
      const cursor = subscription.cursor;
      await this.#poll(subscription);
      if (!subscription.over) setTimeout(tick, subscription.cursor === cursor ? TEXT_POLL_MS : 0);
    };
    tick();
    return subscription;
  }

  unsubscribe(topic) {
    if (this.subscriptions.delete(topic)) this.#send({ op: "unsubscribe", topic });
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#become(this.failures ? "retrying" : "connecting");
    const socket = new WebSocket(`${scheme}//${location.host}/live/`);
    this.socket = socket;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (event) => this.#received(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.#closed(socket, event));
  }

  /** For tests and for "try now": drop the socket as a network would. */
  drop() {
    this.socket?.close(3000, "dropped");
  }

  #opened() {
    this.failures = 0;
    this.#stopPolling();
    this.#become("live");
    this.#each((subscription) => this.#ask(subscription));
  }

  #received(message) {
    const subscription = this.subscriptions.get(message.topic);
    if (!subscription) return;
    if (message.kind === "changed") subscription.onChanged();
    if (message.kind === "data") {
      const bytes = subscription.take(message);
      if (bytes) this.#send({ op: "credit", topic: message.topic, bytes });
    }
    if (message.kind === "end") this.#end(subscription, message);
    if (message.kind === "error") subscription.onRefused(message.message, 0);
  }

  #closed(socket, event) {
    if (this.socket !== socket) return;
    this.socket = null;
    if (event.code === CLOSE.SIGNED_OUT) {
      this.#stopPolling();
      this.#become("signed-out");
      return;
    }
    if (event.code === CLOSE.FORBIDDEN || event.code === CLOSE.GONE) this.#refused(event);
    this.failures += 1;
    this.#become("retrying");
    this.#startPolling();
    const delay = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.failures - 1)) * (0.75 + Math.random() / 2);
    setTimeout(() => this.connect(), delay);
  }

  /** The server closes with the refused topic as the reason; the other topics go on without it. */
  #refused(event) {
    const subscription = this.subscriptions.get(event.reason);
    if (!subscription) return;
    this.subscriptions.delete(event.reason);
    subscription.over = true;
    subscription.onRefused("", event.code);
  }

  #end(subscription, message) {
    subscription.over = true;
    subscription.onEnd(message);
  }

  #ask(subscription) {
    this.#send({ op: "subscribe", topic: subscription.topic, since: subscription.cursor });
  }

  #send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #startPolling() {
    if (this.timers.length) return;
    this.timers.push(
      setInterval(() => this.#each((item) => item.pollUrl && this.#poll(item)), TEXT_POLL_MS),
      setInterval(() => this.#each((item) => item.onChanged()), ROWS_POLL_MS),
    );
  }

  #stopPolling() {
    this.timers.forEach(clearInterval);
    this.timers = [];
  }

  #each(visit) {
    for (const subscription of this.subscriptions.values()) if (!subscription.over) visit(subscription);
  }

  async #poll(subscription) {
    if (subscription.polling) return;
    subscription.polling = true;
    try {
      const url = new URL(subscription.pollUrl, location.href);
      if (subscription.cursor) url.searchParams.set("since", subscription.cursor);
      const asked = subscription.cursor;
      const response = await fetch(url, { headers: { Accept: "application/json" } });
      if (response.status === 404 && !subscription.topic) {
        subscription.over = true;
        subscription.onRefused("", CLOSE.GONE);
      }
      if (!response.ok) return;
      const message = await response.json();
      // the socket may have come back meanwhile and delivered these lines already
      if (this.state === "live" || subscription.cursor !== asked) return;
      subscription.take(message);
      if (message.ended) this.#end(subscription, message);
    } catch {
      // the network is away; the next tick asks again with the same cursor
    } finally {
      subscription.polling = false;
    }
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

export const live = new Live();
