/**
 * A JSON document as a tree that folds and is searched. The page holds the text (`data-tree-source` names the element
 * to draw into); without this script the text is what is shown. Everything in it is foreign: `textContent` only.
 */

const OPEN_DEPTH = 2;
const MOST_HITS = 500;

export function attachTrees() {
  for (const source of document.querySelectorAll("[data-tree-source]:not([data-tree-drawn])")) {
    const view = document.getElementById(source.dataset.treeSource);
    let value;
    try {
      value = JSON.parse(source.textContent);
    } catch {
      continue;
    }
    source.dataset.treeDrawn = "yes";
    view.replaceChildren(branch("", value, 0));
    view.hidden = false;
    source.hidden = true;
  }
}

export function attachTreeTools() {
  document.addEventListener("click", (event) => {
    const fold = event.target.closest?.("[data-tree-fold]");
    const unfold = event.target.closest?.("[data-tree-unfold]");
    if (fold) setAll(fold.dataset.treeFold, false);
    if (unfold) setAll(unfold.dataset.treeUnfold, true);
  });
  document.addEventListener("input", (event) => {
    const id = event.target.dataset?.treeFind;
    if (id) find(id, event.target.value.trim().toLowerCase());
  });
}

function setAll(id, open) {
  for (const details of document.querySelectorAll(`#${id} details`)) details.open = open || !details.parentElement.closest("details");
}

/** Marks what matches, opens what it lies in, and hides the rest. */
function find(id, needle) {
  const view = document.getElementById(id);
  const count = document.querySelector(`[data-tree-count="${id}"]`);
  let hits = 0;
  for (const leaf of view.querySelectorAll(".tree-row")) {
    const is = Boolean(needle) && leaf.dataset.text.includes(needle);
    leaf.classList.toggle("is-hit", is);
    if (!is) continue;
    hits += 1;
    if (hits > MOST_HITS) continue;
    for (let at = leaf.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  }
  view.classList.toggle("is-searched", Boolean(needle));
  count.textContent = needle ? String(hits) : "";
  if (hits) view.querySelector(".is-hit").scrollIntoView({ block: "nearest" });
}

function branch(name, value, depth) {
  if (value === null || typeof value !== "object") return row("div", name, [JSON.stringify(value)], typeof value);
  const entries = Object.entries(value);
  const [begin, end] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return row("div", name, [begin + end], "object");
  const details = document.createElement("details");
  details.open = depth < OPEN_DEPTH;
  details.append(row("summary", name, [begin, ` ${entries.length} `, end], "object"));
  const inside = document.createElement("div");
  inside.className = "tree-inside";
  // an entry of a list has no name worth its place
  inside.append(...entries.map(([key, inner]) => branch(Array.isArray(value) ? "" : key, inner, depth + 1)));
  details.append(inside);
  return details;
}

function row(tag, name, words, type) {
  const element = document.createElement(tag);
  element.className = "tree-row";
  if (name) {
    const key = document.createElement("span");
    key.className = "tree-key";
    key.textContent = `${name}: `;
    element.append(key);
  }
  const text = document.createElement("span");
  text.className = `tree-${type}`;
  text.textContent = words.join("");
  element.append(text);
  element.dataset.text = `${name}: ${words.join("")}`.toLowerCase();
  return element;
}
