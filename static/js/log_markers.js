/**
 * What is drawn between the lines of a log: when a container ended or was started again, at the right place in time.
 *
 * Pure but for the fetching. Lines come in the order of their times but for a little; markers may come before the lines
 * they belong between, or after them.
 */

/** Knows which markers there are and which of them still wait for their place. */
export class Markers {
  constructor() {
    this.known = new Set();
    this.waiting = [];
  }

  /** Take what the server told; what is known already stays where it is. */
  add(markers) {
    for (const marker of markers) {
      if (this.known.has(marker.key)) continue;
      this.known.add(marker.key);
      this.waiting.push({ marker: true, at: marker.at_ms, text: marker.text, tone: marker.tone, source: marker.source });
    }
    this.waiting.sort((one, other) => one.at - other.at);
  }

  /** Before the first line of all: what is earlier is of a log that is not here, and only the latest of it is told. */
  begin(at) {
    return this.before(at).slice(-1);
  }

  /** Those that come before a line of this time, taken out. */
  before(at) {
    const count = at ? this.waiting.findIndex((marker) => marker.at > at) : 0;
    return this.waiting.splice(0, count < 0 ? this.waiting.length : count);
  }

  /** Put all that wait into `lines`, where they belong; whether there were any. */
  place(lines) {
    const first = lines.find((line) => line.at);
    const early = first ? this.begin(first.at - 1) : [];
    const waiting = [...early, ...this.waiting.splice(0)];
    for (const marker of waiting) lines.splice(indexOf(lines, marker.at), 0, marker);
    return waiting.length > 0;
  }
}

/** Markers at the end of `lines` that are later than a line of this time, taken out: the line goes before them. */
export function takeLater(lines, at) {
  const taken = [];
  while (at && lines.length && lines[lines.length - 1].marker && lines[lines.length - 1].at > at) taken.unshift(lines.pop());
  return taken;
}

/** After the last line that is not later: from the end, since what is new is there. */
function indexOf(lines, at) {
  let index = lines.length;
  while (index > 0 && !((lines[index - 1].at ?? Infinity) <= at)) index -= 1;
  return index;
}

export async function fetchMarkers(url) {
  try {
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    return response.ok ? (await response.json()).markers : [];
  } catch {
    // the network is away; asked again when the container changes
    return [];
  }
}

/** `tags`: elements that stand before what it says. */
export function drawMarker(marker, tags) {
  const row = document.createElement("div");
  row.className = `log-line log-marker log-marker-${marker.tone === "bad" ? "bad" : "plain"}`;
  const time = document.createElement("time");
  const at = new Date(marker.at);
  time.dateTime = at.toISOString();
  time.title = at.toISOString();
  time.textContent = at.toISOString().slice(11, 23);
  const text = document.createElement("span");
  text.className = "log-text";
  text.textContent = marker.text;
  row.append(time, ...tags, text);
  return row;
}
