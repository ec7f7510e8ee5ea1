/** The trays of jobs and notifications are filled as they open; that of jobs opens when an action has become a job; toasts go away by themselves unless looked at. */

const TOAST_MS = 6_000;

function expire(toast) {
  if (toast.dataset.expires) return;
  toast.dataset.expires = "yes";
  const timer = setInterval(() => {
    if (toast.matches(":hover, :focus-within")) return;
    clearInterval(timer);
    toast.remove();
  }, TOAST_MS);
}

export function attachTray() {
  const toasts = document.getElementById("toasts");
  if (!toasts) return;
  const each = () => toasts.querySelectorAll("[data-toast=passing]").forEach(expire);
  new MutationObserver(each).observe(toasts, { childList: true });
  each();
  for (const tray of document.querySelectorAll(".tray")) {
    tray.addEventListener("toggle", (event) => {
      const body = tray.querySelector("[data-live-open]");
      if (event.newState === "open") globalThis.htmx.trigger(body, "naru:changed");
      else body.replaceChildren();
    });
  }
  document.addEventListener("naru:job", () => {
    const tray = document.getElementById("tray");
    if (tray && matchMedia("(min-width: 768px)").matches && !tray.matches(":popover-open")) tray.showPopover();
  });
}
