/**
 * Parts of a page that fetch themselves anew when a doorbell rings: `data-live="rows.containers rows.jobs"` beside
 * htmx's own `hx-get` and `hx-trigger="naru:changed"`. Rings are gathered, so a burst costs one request.
 */

import { live } from "./live.js";

const GATHER_MS = 250;
const waiting = new WeakMap();

function ring(id) {
  const element = document.getElementById(id);
  if (!element || waiting.has(element)) return;
  waiting.set(element, true);
  setTimeout(() => {
    waiting.delete(element);
    const now = document.getElementById(id);
    // an open menu or a field being typed in is not pulled from under the hand
    if (!now || now.querySelector("input:focus, select:focus, textarea:focus, :popover-open")) return;
    // what nobody sees is fetched when it is opened
    if ("liveOpen" in now.dataset && !now.closest(":popover-open")) return;
    globalThis.htmx.trigger(now, "naru:changed");
  }, GATHER_MS);
}

const listeners = new Map();

export function attachRows() {
  for (const element of document.querySelectorAll("[data-live][id]")) {
    for (const topic of element.dataset.live.split(" ").filter(Boolean)) {
      if (!listeners.has(topic)) {
        listeners.set(topic, new Set());
        live.subscribe(topic, { onChanged: () => listeners.get(topic).forEach(ring) });
      }
      listeners.get(topic).add(element.id);
    }
  }
}
