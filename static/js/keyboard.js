/** Keys of every page: j and k go through a table's rows, x ticks, Enter opens, "." goes to a row's buttons; g and a letter jumps; ? tells. */

import { openPalette } from "./palette.js";

const JUMP_MS = 1_500;
let current = "";
let jumpUntil = 0;

const rows = () => [...document.querySelectorAll("main table.rows tbody tr")].filter((row) => row.offsetParent !== null);

function isTyping(target) {
  return target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], naru-log, dialog, .xterm");
}

/** Rows are fetched anew while one works: the current one is known by its id, or by its place where it has none. */
function currentRow() {
  return rows().find((row) => row.classList.contains("is-current")) || (current && document.getElementById(current)) || null;
}

function go(row) {
  for (const other of document.querySelectorAll("tr.is-current")) other.classList.remove("is-current");
  row.classList.add("is-current");
  current = row.id;
  row.querySelector("a, button:not([disabled])")?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = rows();
  if (!all.length) return false;
  const now = all.indexOf(currentRow());
  go(all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1)]);
  return true;
}

function onRow(act) {
  const row = currentRow();
  if (!row) return false;
  return act(row);
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  x: () => onRow((row) => {
    const box = row.querySelector("input[type=checkbox]:not([disabled])");
    box?.click();
    return Boolean(box);
  }),
  Enter: () => onRow((row) => {
    // a button or another link that has the focus keeps its own Enter
    const link = row.querySelector(".row-name a");
    if (!link || (document.activeElement !== document.body && !row.contains(document.activeElement))) return false;
    if (document.activeElement?.closest("button, .row-actions a")) return false;
    link.click();
    return true;
  }),
  ".": () => onRow((row) => {
    const button = row.querySelector(".row-actions a, .row-actions button:not([disabled])");
    button?.focus();
    return Boolean(button);
  }),
  "?": () => {
    showKeys();
    return true;
  },
  g: () => {
    jumpUntil = Date.now() + JUMP_MS;
    return true;
  },
};

function jump(letter) {
  const link = document.querySelector(`#sidebar [data-jump="${CSS.escape(letter)}"]`);
  link?.click();
  return Boolean(link);
}

function showKeys() {
  const dialog = document.getElementById("keys");
  if (dialog && !document.querySelector("dialog[open]")) dialog.showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  const jumps = Date.now() < jumpUntil;
  jumpUntil = 0;
  if (jumps ? jump(event.key) : keys[event.key]?.()) event.preventDefault();
}

export function attachKeyboard() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-click=palette], [data-click=keys]");
    if (!button) return;
    button.closest("[popover]")?.hidePopover();
    if (button.dataset.click === "keys") showKeys();
    else openPalette();
  });
  document.addEventListener("htmx:afterSettle", () => {
    const row = current && document.getElementById(current);
    if (row && !row.classList.contains("is-current")) row.classList.add("is-current");
  });
}
