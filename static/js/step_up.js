/** Step-up: a refused request opens a dialog that asks who one is, and is sent again once that is known. */

let asked = null;

const place = () => document.getElementById("step-up");

function open() {
  const dialog = place()?.querySelector("dialog");
  if (!dialog || dialog.open) return;
  // what asked "are you sure?" before has its answer
  for (const other of document.querySelectorAll("dialog[open]")) other.close();
  dialog.showModal();
  dialog.querySelector("input:not([type=hidden]), button")?.focus();
}

/** The same element, though the part that held it may have been fetched anew meanwhile. */
function again(element) {
  if (element.isConnected) return element;
  const action = element.getAttribute("action");
  return action ? [...document.forms].find((form) => form.getAttribute("action") === action) : null;
}

export function attachStepUp() {
  document.addEventListener("naru:unconfirmed", (event) => {
    if (!event.target.closest?.("#step-up")) asked = event.target;
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target?.id === "step-up") open();
  });
  document.addEventListener("naru:confirmed", () => {
    place()?.replaceChildren();
    const element = asked && again(asked);
    asked = null;
    if (element instanceof HTMLFormElement) {
      if (element.dataset.confirm) element.dataset.confirmed = "yes";
      element.requestSubmit();
    } else {
      element?.click();
    }
  });
  // a page that goes on with a confirmed request by itself; its button is for browsers without scripts
  document.querySelector("form[data-submit-now]")?.requestSubmit();
}
