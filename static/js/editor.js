/** A textarea with line numbers, and the choice between pasting a Dockerfile and uploading a context. */

function attachEditor(box) {
  const area = box.querySelector("textarea");
  const gutter = box.querySelector("[data-gutter]");
  const number = () => {
    const count = area.value.split("\n").length;
    const marked = Number(box.dataset.errorLine || 0);
    if (gutter.childElementCount === count) return;
    gutter.replaceChildren(
      ...Array.from({ length: count }, (_, at) => {
        const line = document.createElement("span");
        line.textContent = String(at + 1);
        if (at + 1 === marked) line.className = "marked";
        return line;
      }),
    );
  };
  area.addEventListener("input", number);
  area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
  number();
}

function attachChoice(box) {
  const show = () => {
    const chosen = box.querySelector("input[type=radio]:checked")?.value;
    for (const pane of box.querySelectorAll("[data-pane]")) pane.hidden = pane.dataset.pane !== chosen;
  };
  box.addEventListener("change", show);
  show();
}

export function attachEditors() {
  document.querySelectorAll("[data-editor]").forEach(attachEditor);
  document.querySelectorAll("[data-choice]").forEach(attachChoice);
}
