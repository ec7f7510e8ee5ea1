/**
 * The command palette: Ctrl-K opens it, letters search (htmx asks the server), arrows choose, Enter does it. What is
 * found are links and small forms that the server wrote; this only moves among them.
 */

// what is listed answers earlier words than those in the field; Enter was pressed meanwhile
let isStale = false;
let isWanted = false;

const dialog = () => document.getElementById("palette");
const field = () => dialog()?.querySelector("[data-palette-field]");
const options = () => [...(dialog()?.querySelectorAll("[role=option]") || [])];

export function openPalette() {
  const place = dialog();
  if (!place || place.open || document.querySelector("dialog[open]")) return;
  place.showModal();
  field().select();
  // the first time, and after what was done last: what there is to do without a word
  globalThis.htmx.trigger(field(), "naru:search");
}

function choose(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  field().setAttribute("aria-activedescendant", option?.id || "");
  option?.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = options();
  if (!all.length) return;
  const now = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  choose(all[(now + by + all.length) % all.length]);
}

function act() {
  // who types fast means what they typed, not what was found before
  isWanted = isStale;
  if (isStale) return;
  const chosen = options().find((option) => option.getAttribute("aria-selected") === "true");
  const act = chosen?.querySelector("a, button");
  if (!act) return;
  dialog().close();
  act.click();
}

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (dialog()?.open) dialog().close();
    else openPalette();
    return;
  }
  if (!dialog()?.open) return;
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in steps) {
    event.preventDefault();
    move(steps[event.key]);
  }
  if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    act();
  }
}

export function attachPalette() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "palette-hits") return;
    choose(options()[0] || null);
    isStale = event.detail.requestConfig?.parameters?.get?.("q") !== field().value;
    if (isWanted && !isStale) act();
  });
  field()?.addEventListener("input", () => {
    isStale = true;
    isWanted = false;
  });
  dialog()?.addEventListener("click", (event) => {
    // beside the box is outside of it
    if (event.target === dialog()) dialog().close();
    if (event.target.closest("[role=option] a, [role=option] button")) dialog().close();
  });
}
