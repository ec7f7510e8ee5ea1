/**
 * An xterm that keeps to a strict content security policy and to the console's colours.
 *
 * xterm writes style elements and style attributes, which `style-src 'self'` refuses. So on pages with a terminal the
 * document makes something else of style elements, whose text becomes a constructed style sheet, and spans whose style
 * attribute is set through the object model; the policy allows both. (xterm's `documentOverride` does not reach all of
 * its elements in version 6.0.)
 */

import { FitAddon } from "../vendor/xterm_fit.js";
import { Terminal } from "../vendor/xterm.js";

const ANSI = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const FONT_PX = 13;
const makeElement = document.createElement.bind(document);

function styleElement() {
  const element = makeElement("template");
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  Object.defineProperty(element, "textContent", { get: () => "", set: (text) => sheet.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}

function setAttribute(name, value) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

document.createElement = (name, ...options) => {
  if (name === "style") return styleElement();
  const element = makeElement(name, ...options);
  if (name === "span") element.setAttribute = setAttribute;
  return element;
};

function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const chosen = {
    background: colour("--log-bg"),
    foreground: colour("--ink"),
    cursor: colour("--brand-ink"),
    cursorAccent: colour("--log-bg"),
    selectionBackground: colour("--brand"),
    selectionForeground: "#fff",
  };
  for (const name of ANSI) {
    chosen[name] = colour(`--ansi-${name}`);
    chosen[`bright${name[0].toUpperCase()}${name.slice(1)}`] = colour(`--ansi-bright-${name}`);
  }
  return chosen;
}

/** `options` are xterm's. The screen is drawn into `place`; `fit` makes it as large as that. */
export function openScreen(place, options = {}) {
  const fontFamily = getComputedStyle(document.documentElement).getPropertyValue("--naru-mono").trim();
  const screen = new Terminal({
    fontFamily,
    fontSize: FONT_PX,
    minimumContrastRatio: 4.5,
    theme: theme(),
    ...options,
  });
  const fitting = new FitAddon();
  screen.loadAddon(fitting);
  screen.open(place);
  const watcher = new MutationObserver(() => {
    screen.options.theme = theme();
  });
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  return {
    screen,
    fit: () => fitting.fit(),
    close() {
      watcher.disconnect();
      screen.dispose();
    },
  };
}
