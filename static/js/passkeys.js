/** Passkeys: a button asks the server what to ask, the browser for an answer, and sends the form it stands in with it. */

export async function askForPasskey(button, csrfToken) {
  const form = button.form;
  const note = form.querySelector("[data-passkey-error]");
  note.hidden = true;
  if (!form.reportValidity()) return;
  if (!window.PublicKeyCredential || !window.webauthnJSON) return tell(note, button.dataset.textUnable);
  button.disabled = true;
  try {
    const response = await fetch(button.dataset.url, { method: "POST", headers: { "X-CSRFToken": csrfToken, Accept: "application/json" } });
    if (!response.ok) return tell(note, (await response.json()).message);
    const options = await response.json();
    const ceremony = button.dataset.ceremony === "create" ? window.webauthnJSON.create : window.webauthnJSON.get;
    form.elements.credential.value = JSON.stringify(await ceremony(options));
    form.requestSubmit();
  } catch {
    // the person said no, or the device did: the browser does not tell which
    tell(note, button.dataset.textFailed);
  } finally {
    button.disabled = false;
  }
}

function tell(note, text) {
  note.textContent = text;
  note.hidden = false;
}
