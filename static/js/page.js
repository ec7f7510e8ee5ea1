/** Small behaviours of every page, attached by `data-` attributes and delegated, so that swapped parts have them too. */

import { live } from "./live.js";
import { askForPasskey } from "./passkeys.js";

const root = document.documentElement;

/** The token that Django's CSRF check wants in a header; htmx sends it by `hx-headers` on <body>. */
export function csrfToken() {
  return document.querySelector("meta[name=csrf-token]")?.content || "";
}

function post(url, fields) {
  return fetch(url, { method: "POST", headers: { "X-CSRFToken": csrfToken() }, body: new URLSearchParams(fields) });
}

const clicks = {
  async copy(button) {
    const text = button.dataset.copy || document.getElementById(button.dataset.copyFrom)?.textContent || "";
    await navigator.clipboard?.writeText(text.trim());
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  },
  theme(button) {
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.bsTheme = theme;
    delete root.dataset.followsSystem;
    post(button.dataset.url, { theme });
  },
  sidebar() {
    const open = root.classList.toggle("sidebar-open");
    document.querySelector("[data-click=sidebar][aria-controls]")?.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector("#sidebar a")?.focus();
  },
  dismiss(button) {
    button.closest("[data-dismissable]")?.remove();
  },
  close(button) {
    button.closest("dialog")?.close();
  },
  retry() {
    live.drop();
  },
  passkey(button) {
    askForPasskey(button, csrfToken());
  },
};

function onClick(event) {
  const button = event.target.closest?.("[data-click]");
  const act = button && clicks[button.dataset.click];
  if (!act) return;
  event.preventDefault();
  act(button);
}

/** A disruptive form asks first: the dialog repeats the words the template gave the form. */
function onSubmit(event) {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed) {
    delete form.dataset.confirmed;
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  const dialog = document.getElementById("confirm");
  dialog.querySelector("[data-confirm-title]").textContent = form.dataset.confirm;
  dialog.querySelector("[data-confirm-text]").textContent = form.dataset.confirmText || "";
  const yes = dialog.querySelector("[data-confirm-yes]");
  yes.textContent = form.dataset.confirmYes || form.dataset.confirm;
  yes.className = `btn ${form.dataset.confirmClass || "btn-danger"}`;
  yes.onclick = () => {
    dialog.close();
    // the part that held the form may have been fetched anew meanwhile
    const same = (other) => other.getAttribute("action") === form.getAttribute("action");
    const now = form.isConnected ? form : [...document.forms].find(same);
    if (!now) return;
    now.dataset.confirmed = "yes";
    now.requestSubmit();
  };
  dialog.showModal();
}

/** "3 minutes ago" again, in the page's language, without asking the server. */
export function refreshTimes() {
  const words = new Intl.RelativeTimeFormat(root.lang || "en", { numeric: "auto", style: "long" });
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const seconds = (new Date(time.dateTime).getTime() - Date.now()) / 1000;
    const [size, unit] = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]].find(([limit]) => Math.abs(seconds) >= limit) || [1, "second"];
    if (Number.isFinite(seconds) && Math.abs(seconds) < 30 * 86_400) time.textContent = words.format(Math.round(seconds / size), unit);
  }
}

function showConnection(event) {
  const badge = document.getElementById("connection");
  if (!badge) return;
  badge.dataset.state = event.detail;
  const word = badge.querySelector("[data-word]");
  word.textContent = badge.dataset[`text${event.detail === "signed-out" ? "SignedOut" : event.detail === "retrying" ? "Retrying" : "Live"}`];
  document.getElementById("signed-out")?.toggleAttribute("hidden", event.detail !== "signed-out");
}

export function attachPage() {
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && root.classList.contains("sidebar-open")) clicks.sidebar();
    if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      const filter = document.querySelector("[data-slash]");
      if (filter) {
        event.preventDefault();
        filter.focus();
      }
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });
  // an error arrives as a toast; what the page shows stays where it is
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400) event.detail.swapOverride = "none";
  });
  // of many tabs on a narrow screen, the one that is open
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  live.addEventListener("state", showConnection);
  setInterval(refreshTimes, 10_000);
}
