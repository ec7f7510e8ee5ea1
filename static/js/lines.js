/**
 * A textarea that holds an entry on each line (`data-lines`) shown as rows with a button to add one: for `pairs` a name
 * and a value, for `words` one field. What is sent is the textarea, which stays the truth; lines that a row could not
 * hold leave it as it is.
 */

const ESCAPED = /^\$'.*'$/s;

function split(line, isPairs) {
  if (!isPairs) return [line];
  const at = line.indexOf("=");
  return at < 0 ? null : [line.slice(0, at), line.slice(at + 1)];
}

function entries(area, isPairs) {
  const lines = area.value.split("\n").filter((line) => line.trim());
  const found = lines.map((line) => split(line, isPairs));
  return found.some((entry) => entry === null || ESCAPED.test(entry.at(-1))) ? null : found;
}

function attach(area) {
  const isPairs = area.dataset.lines === "pairs";
  const found = entries(area, isPairs);
  area.dataset.attached = "yes";
  if (found === null) return;
  const words = document.querySelector("[data-lines-words]")?.dataset || {};
  const examples = (area.placeholder || "").split("\n");
  const box = document.createElement("div");
  box.className = "lines-box";
  const rows = document.createElement("div");
  rows.className = "lines-rows";
  const add = document.createElement("button");
  add.type = "button";
  add.className = "btn btn-sm";
  add.textContent = words.add || "+";
  const label = area.labels[0]?.firstChild?.textContent.trim() || area.name;

  const write = () => {
    const lines = [...rows.children].map((row) => [...row.querySelectorAll("input")].map((field) => field.value));
    area.value = lines.filter((line) => line.some(Boolean)).map((line) => line.join("=")).join("\n");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const addRow = (entry, { focus = false } = {}) => {
    const row = document.createElement("div");
    row.className = "lines-row";
    const example = split(examples[rows.childElementCount % examples.length] || "", isPairs) || [];
    (isPairs ? [0, 1] : [0]).forEach((at) => {
      const field = document.createElement("input");
      field.className = "form-control mono";
      field.spellcheck = false;
      field.autocomplete = "off";
      field.value = entry[at] || "";
      field.placeholder = example[at] || "";
      field.setAttribute("aria-label", `${label} ${rows.childElementCount + 1}${isPairs ? ` ${at ? words.value : words.key}` : ""}`);
      field.addEventListener("input", (event) => {
        event.stopPropagation();
        write();
      });
      row.append(field);
    });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "btn btn-icon btn-quiet";
    remove.title = words.remove || "";
    remove.setAttribute("aria-label", words.remove || "");
    remove.textContent = "×";
    remove.addEventListener("click", () => {
      row.remove();
      write();
    });
    row.append(remove);
    rows.append(row);
    if (focus) row.querySelector("input").focus();
  };

  (found.length ? found : [[]]).forEach((entry) => addRow(entry));
  add.addEventListener("click", () => addRow([], { focus: true }));
  box.append(rows, add);
  area.after(box);
  area.classList.add("lines-area");
}

export function attachLines() {
  for (const area of document.querySelectorAll("textarea[data-lines]:not([data-attached])")) attach(area);
}
