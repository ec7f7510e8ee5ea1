/**
 * Which columns of a table are shown: a button above it lists those that may be hidden (cells with `data-col`, as the
 * server marked them); the choice holds at once, and the server remembers it for the pages to come.
 */

import { csrfToken } from "./page.js";

const cells = (box, name) => box.querySelectorAll(`[data-col="${CSS.escape(name)}"]`);

function save(box) {
  const hidden = [...box.querySelectorAll("thead [data-col][hidden]")].map((head) => head.dataset.col);
  const body = new URLSearchParams([["table", box.dataset.table], ...hidden.map((name) => ["hidden", name])]);
  fetch(box.dataset.columnsUrl, { method: "POST", headers: { "X-CSRFToken": csrfToken() }, body });
}

function item(box, head) {
  const label = document.createElement("label");
  label.className = "menu-item form-check mb-0";
  const tick = document.createElement("input");
  tick.type = "checkbox";
  tick.className = "form-check-input";
  tick.checked = !head.hidden;
  tick.addEventListener("change", () => {
    for (const cell of cells(box, head.dataset.col)) cell.hidden = !tick.checked;
    save(box);
  });
  const words = document.createElement("span");
  words.className = "form-check-label";
  words.textContent = head.textContent.trim();
  label.append(tick, words);
  return label;
}

export function attachColumns() {
  for (const box of document.querySelectorAll("[data-columns-url]")) {
    const menu = box.querySelector("[data-columns-menu]");
    if (!menu || menu.childElementCount) continue;
    // a column whose cells are not marked stays: what a row is must be seen
    const heads = [...box.querySelectorAll("thead [data-col]")].filter((head) => box.querySelector(`tbody [data-col="${CSS.escape(head.dataset.col)}"]`));
    const button = box.querySelector("[data-columns-button]");
    menu.replaceChildren(...heads.map((head) => item(box, head)));
    button.hidden = !heads.length;
    // below its button: what is shown over the page stands where the page says, not where its markup is
    menu.addEventListener("beforetoggle", () => {
      const place = button.getBoundingClientRect();
      menu.style.top = `${place.bottom + 4}px`;
      menu.style.right = `${Math.max(document.documentElement.clientWidth - place.right, 8)}px`;
    });
  }
}
