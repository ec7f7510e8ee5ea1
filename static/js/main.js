/** What every page loads. htmx comes before it as a plain script; the rest are modules. */

import { attachBulk } from "./bulk.js";
import { attachEditors } from "./editor.js";
import { attachLines } from "./lines.js";
import "./log.js";
import { attachColumns } from "./columns.js";
import { attachKeyboard } from "./keyboard.js";
import { attachPage, refreshTimes } from "./page.js";
import { attachPalette } from "./palette.js";
import { attachRows } from "./rows.js";
import { attachSteppers } from "./stepper.js";
import { attachStepUp } from "./step_up.js";
import { attachTray } from "./tray.js";
import { attachTreeTools, attachTrees } from "./tree.js";
import { attachUploads } from "./upload.js";

attachPage();
attachEditors();
attachRows();
attachLines();
attachBulk();
attachTray();
attachSteppers();
attachStepUp();
attachTreeTools();
attachTrees();
attachPalette();
attachKeyboard();
attachColumns();
attachUploads();
refreshTimes();
document.addEventListener("htmx:afterSettle", () => {
  attachRows();
  attachTrees();
  attachColumns();
  attachBulk();
  attachSteppers();
  refreshTimes();
});

// large parts, for the few pages that have them; what is clicked in one before it has come is clicked then
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest("button");
    const owner = button?.closest(":not(:defined)");
    if (!owner) return;
    event.preventDefault();
    customElements.whenDefined(owner.localName).then(() => button.click());
  },
  { capture: true },
);
if (document.querySelector("naru-terminals")) import("./terminals.js");
if (document.querySelector("naru-player")) import("./player.js");
