/**
 * Terminal text as runs of class names. Colours and weights (SGR) are kept; every other escape (OSC titles and links,
 * cursor movement, DCS, APC) is dropped. The text stays text: callers put it into `textContent`.
 */

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
export const PLAIN = Object.freeze({ fg: "", bg: "", bold: false, dim: false, italic: false, underline: false, strike: false, inverse: false });

// ESC ] … BEL|ST and ESC P|X|^|_ … ST (8-bit forms too), then CSI, then any other two-byte escape
const STRING = "(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d\\x9e\\x9f])[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c|$)?";
const CSI = "(?:\\x1b\\[|\\x9b)([0-?]*)[ -/]*([@-~]|$)";
const ESCAPE = new RegExp(`${STRING}|${CSI}|\\x1b[ -/]*[0-~]?`, "g");
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** `{runs: [{text, classes}], style}`: the runs of one line and the style in force after it. */
export function parseLine(raw, style = PLAIN) {
  const line = lastOverwrite(raw);
  const runs = [];
  let from = 0;
  for (const match of line.matchAll(ESCAPE)) {
    push(runs, line.slice(from, match.index), style);
    from = match.index + match[0].length;
    if (match[2] === "m") style = applied(style, match[1]);
  }
  push(runs, line.slice(from), style);
  return { runs, style };
}

export function plainText(raw) {
  return parseLine(raw).runs.map((run) => run.text).join("");
}

/** A carriage return starts the line over: only what was written last is shown. */
function lastOverwrite(raw) {
  const trimmed = raw.replace(/[\r\n]+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}

function push(runs, text, style) {
  const clean = text.replace(CONTROL, "");
  if (clean) runs.push({ text: clean, classes: classesOf(style) });
}

function classesOf(style) {
  const fg = style.inverse ? style.bg || "inverse" : style.fg;
  const bg = style.inverse ? style.fg || "inverse" : style.bg;
  const names = [];
  if (fg) names.push(`ansi-${fg}`);
  if (bg) names.push(`ansi-on-${bg}`);
  for (const flag of ["bold", "dim", "italic", "underline", "strike"]) if (style[flag]) names.push(`ansi-${flag}`);
  return names.join(" ");
}

function applied(before, parameters) {
  const codes = parameters.split(/[;:]/).map((code) => Number.parseInt(code || "0", 10));
  let style = { ...before };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1));
      style[code === 38 ? "fg" : "bg"] = colour;
      at += used;
    } else style = changed(style, code);
  }
  return style;
}

const FLAGS = {
  1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 4: { underline: true }, 7: { inverse: true }, 9: { strike: true },
  22: { bold: false, dim: false }, 23: { italic: false }, 24: { underline: false }, 27: { inverse: false }, 29: { strike: false },
  39: { fg: "" }, 49: { bg: "" },
};

function changed(style, code) {
  if (code === 0) return { ...PLAIN };
  if (FLAGS[code]) return { ...style, ...FLAGS[code] };
  if (code >= 30 && code <= 37) return { ...style, fg: NAMES[code - 30] };
  if (code >= 40 && code <= 47) return { ...style, bg: NAMES[code - 40] };
  if (code >= 90 && code <= 97) return { ...style, fg: `bright-${NAMES[code - 90]}` };
  if (code >= 100 && code <= 107) return { ...style, bg: `bright-${NAMES[code - 100]}` };
  return style;
}

/** 256 and true colours become the nearest of the sixteen that both themes draw with enough contrast. */
function extended(rest) {
  if (rest[0] === 2) return [nearest(rest.slice(1, 4)), 4];
  if (rest[0] !== 5) return ["", rest.length];
  const index = rest[1] || 0;
  if (index < 16) return [index < 8 ? NAMES[index] : `bright-${NAMES[index - 8]}`, 2];
  if (index >= 232) return [index < 244 ? "bright-black" : "white", 2];
  const level = (value) => (value ? 55 + 40 * value : 0);
  const cube = index - 16;
  return [nearest([level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]), 2];
}

function nearest(rgb) {
  const high = Math.max(...rgb);
  if (high < 64) return "bright-black";
  const bits = rgb.reduce((sum, value, at) => sum + (value > high * 0.6 ? 1 << at : 0), 0);
  return high > 200 ? `bright-${NAMES[bits]}` : NAMES[bits];
}
