/**
 * Rows that are picked stay so when their table is fetched anew, and a bar says how many they are. Without scripts the
 * boxes belong to the bar's form all the same. `x` picks the row in which the focus is.
 */

const picked = new Set();

function boxes(bar) {
  return document.querySelectorAll(`input[type=checkbox][form="${bar.id}"]`);
}

function show(bar) {
  const there = new Set([...boxes(bar)].map((box) => box.value));
  for (const key of picked) if (!there.has(key)) picked.delete(key);
  bar.querySelector("[data-bulk-count]").textContent = String(picked.size);
  bar.hidden = picked.size === 0;
}

export function attachBulk() {
  const bar = document.querySelector("[data-bulk]");
  if (!bar) return;
  for (const box of boxes(bar)) {
    if (box.checked) picked.add(box.value);
    box.checked = picked.has(box.value);
  }
  show(bar);
  if (bar.dataset.attached) return;
  bar.dataset.attached = "yes";
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.form !== bar || box.type !== "checkbox") return;
    if (box.checked) picked.add(box.value);
    else picked.delete(box.value);
    show(bar);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.target.matches?.("input, textarea, select")) return;
    document.activeElement?.closest("tr")?.querySelector(`input[type=checkbox][form="${bar.id}"]`)?.click();
  });
}
