/**
 * Forms that send files: drop on the form, see how far it is. Without this module they are plain forms.
 *
 * `data-upload` on the form, an <input type=file>, a <progress> and a note; texts as `data-text-…`.
 */

function note(form, text, link) {
  const place = form.querySelector("[data-upload-note]");
  place.replaceChildren(text);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.text;
    place.append(" ", anchor);
  }
  place.hidden = false;
}

function named(form) {
  const files = [...form.querySelector("input[type=file]").files];
  if (files.length) note(form, files.map((file) => file.name).join(", "));
}

function sendable(form) {
  const files = [...form.querySelector("input[type=file]").files];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  if (total <= Number(form.dataset.mostBytes)) return files.length > 0;
  note(form, form.dataset.textTooLarge);
  return false;
}

function ended(form, request) {
  const [progress, button] = [form.querySelector("progress"), form.querySelector("[type=submit]")];
  progress.hidden = true;
  button.disabled = false;
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    // a proxy's own page; the status says enough
  }
  if (request.status === 202) {
    note(form, form.dataset.textSent, { href: answer.link, text: answer.title });
    form.querySelector("input[type=file]").value = "";
    document.body.dispatchEvent(new CustomEvent("naru:job", { bubbles: true, detail: { number: answer.job } }));
    return;
  }
  note(form, `${form.dataset.textFailed} ${answer.message || request.status || ""}`);
}

function send(form) {
  if (!sendable(form)) return;
  const progress = form.querySelector("progress");
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) progress.value = event.loaded / event.total;
  });
  request.addEventListener("loadend", () => ended(form, request));
  progress.value = 0;
  progress.hidden = false;
  form.querySelector("[type=submit]").disabled = true;
  request.send(new FormData(form));
}

const formOf = (event) => event.target.closest?.("form[data-upload]");

export function attachUploads() {
  document.addEventListener("submit", (event) => {
    const form = formOf(event);
    if (!form) return;
    event.preventDefault();
    send(form);
  });
  document.addEventListener("change", (event) => {
    const form = formOf(event);
    if (form) named(form);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const form = formOf(event);
      if (!form) return;
      event.preventDefault();
      form.classList.toggle("is-over", kind === "dragover");
      if (kind !== "drop" || !event.dataTransfer.files.length) return;
      form.querySelector("input[type=file]").files = event.dataTransfer.files;
      named(form);
      send(form);
    });
  }
}
