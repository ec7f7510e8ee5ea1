/**
 * Parts of a page that fetch themselves anew when a doorbell rings: `data-live="rows.containers rows.jobs"` beside
 * htmx's own `hx-get` and `hx-trigger="naru:changed"`. Rings are gathered, so a burst costs one request.
 */

import { live } from "./live.js";

const GATHER_MS = 250;
const HELD_MS = 500;
const waiting = new Set();

function ring(id) {
  if (!document.getElementById(id) || waiting.has(id)) return;
  waiting.add(id);
  setTimeout(() => refresh(id), GATHER_MS);
}

function refresh(id) {
  const element = document.getElementById(id);
  if (element && isInHand(element)) {
    setTimeout(() => refresh(id), HELD_MS);
    return;
  }
  waiting.delete(id);
  // what nobody sees is fetched when it is opened
  if (!element || ("liveOpen" in element.dataset && !element.closest(":popover-open"))) return;
  globalThis.htmx.trigger(element, "naru:changed");
}

let pressed = null;

/**
 * Nothing is pulled from under the hand: not a field being typed in, not a button that is pressed or about to be
 * confirmed, and not what waits for an answer, which would find nobody to tell.
 */
function isInHand(element) {
  const taken = element.querySelector("input:focus, select:focus, textarea:focus, .htmx-request");
  return taken || element.contains(pressed) || document.querySelector("dialog[open]");
}

/** What was fetched before it was taken into the hand is not shown, and fetched again later. */
function holdBack(event) {
  const { target, requestConfig } = event.detail;
  if (requestConfig?.triggeringEvent?.type !== "naru:changed" || !isInHand(target)) return;
  event.detail.shouldSwap = false;
  ring(target.id);
}

document.addEventListener("pointerdown", (event) => (pressed = event.target), true);
for (const name of ["pointerup", "pointercancel"]) {
  // the click comes after it
  document.addEventListener(name, () => setTimeout(() => (pressed = null)), true);
}
document.addEventListener("htmx:beforeSwap", holdBack);

/** A link that had the focus has it again when the part around it was fetched anew; what has an id htmx sees to. */
let focused = "";

function keepFocus(event) {
  const active = document.activeElement;
  const isInside = active?.matches("a[href]") && !active.id && event.detail.target.contains(active);
  focused = isInside ? active.getAttribute("href") : "";
}

function giveFocusBack() {
  if (!focused || document.activeElement !== document.body) return;
  [...document.links].find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
  focused = "";
}

document.addEventListener("htmx:beforeSwap", keepFocus);
document.addEventListener("htmx:afterSettle", giveFocusBack);

const listeners = new Map();

export function attachRows() {
  for (const element of document.querySelectorAll("[data-live][id]")) {
    for (const topic of element.dataset.live.split(/\s+/).filter(Boolean)) {
      if (!listeners.has(topic)) {
        listeners.set(topic, new Set());
        live.subscribe(topic, { onChanged: () => listeners.get(topic).forEach(ring) });
      }
      listeners.get(topic).add(element.id);
    }
  }
}
