/**
 * One chart: uPlot with the page's colours, the limit drawn in, a tooltip, and what is so now in its heading.
 *
 * The template draws heading and words (templates/stats/_chart.html); numbers are put in with `textContent`.
 */

const HEIGHT = 170;
const KEY = "naru-stats";

const language = () => document.documentElement.lang || "en";
const plain = (value, digits) => new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);

function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let amount = value;
  let unit = 0;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${plain(amount, unit && amount < 100 ? 1 : 0)} ${units[unit]}`;
}

const WORDS = {
  percent: (value) => `${plain(value, value < 10 ? 1 : 0)} %`,
  bytes,
  rate: (value) => `${bytes(value)}/s`,
  number: (value) => plain(value, value < 10 ? 1 : 0),
};

/** Steps of an axis that are round in the unit shown: bytes are counted by thousands. */
const INCREMENTS = [1, 2, 5].flatMap((n) => Array.from({ length: 14 }, (_, power) => n * 10 ** (power - 1))).sort((a, b) => a - b);

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Chart {
  constructor(figure) {
    this.figure = figure;
    this.box = figure.querySelector("[data-box]");
    this.names = figure.dataset.names.split(" ");
    this.word = WORDS[figure.dataset.unit];
    this.limit = Number(figure.dataset.limit) || 0;
    this.limitName = figure.dataset.limitName || "";
    this.plot = null;
    this.data = [[], ...this.names.map(() => [])];
  }

  /** `range`: [from, to] in seconds, or null for all there is. */
  show(at, columns, range) {
    const empty = new Array(at.length).fill(null);
    this.data = [at, ...this.names.map((name) => columns[name] || empty)];
    if (this.limitName) this.limit = last(columns[this.limitName] || []) || 0;
    if (this.limit) this.data.push(new Array(at.length).fill(this.limit));
    this.range = range;
    if (!this.plot || this.plot.series.length !== this.data.length) this.draw();
    else this.plot.setData(this.data);
    this.#say();
  }

  /** From scratch: at first, and when the theme has changed. */
  draw() {
    this.plot?.destroy();
    this.box.replaceChildren();
    this.plot = new globalThis.uPlot(this.#options(), this.data, this.box);
    this.#say();
  }

  resize() {
    const width = this.box.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  #say() {
    this.names.forEach((_, place) => {
      const value = last(this.data[place + 1]);
      const shown = this.figure.querySelector(`[data-now="${place + 1}"]`);
      if (shown) shown.textContent = value === null ? "–" : this.word(value);
    });
    const limit = this.figure.querySelector("[data-now=limit]");
    if (limit) limit.textContent = this.limit ? this.word(this.limit) : "–";
    const told = [...this.figure.querySelectorAll(".chart-key")].map((key) => key.textContent.trim().replace(/\s+/g, " "));
    this.box.setAttribute("aria-label", [this.figure.querySelector(".chart-title").textContent, ...told].join(", "));
  }

  #options() {
    const ink = colour("--ink-soft");
    const axis = { stroke: ink, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `11px ${getComputedStyle(document.body).fontFamily}` };
    return {
      width: Math.max(this.box.clientWidth, 120),
      height: HEIGHT,
      padding: [12, 30, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: KEY }, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: (_plot, from, to) => this.range || [from, to] }, y: { range: (_plot, _from, to) => [0, this.#top(to)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 28, space: 70, values: (_plot, times, _axis, _space, step) => times.map((time) => clock(time, step < 60)) },
        { ...axis, size: 66, incrs: INCREMENTS, space: 32, values: (_plot, values) => values.map((value) => this.word(value)) },
      ],
      series: [{}, ...this.names.map((_, place) => this.#line(place)), ...(this.limit ? [this.#limitLine()] : [])],
      plugins: [this.#tooltip()],
    };
  }

  /** Room above the line, and the limit in sight once a quarter of it is used. */
  #top(most) {
    const used = Math.max(0, ...this.data.slice(1, 1 + this.names.length).flatMap((column) => column.filter((value) => value !== null)));
    const needed = this.limit && used > this.limit / 4 ? Math.max(used, this.limit) : this.limit ? used : most || 0;
    const least = this.figure.dataset.unit === "percent" ? 5 : this.figure.dataset.unit === "number" ? 4 : 1000;
    return Math.max(Number(this.figure.dataset.top) || 0, needed * 1.15, least);
  }

  #line(place) {
    const stroke = colour(place ? "--chart-2" : "--chart-1");
    const fill = place ? undefined : `${stroke}22`;
    return { stroke, width: 1.5, fill, points: { show: false }, spanGaps: false };
  }

  #limitLine() {
    return { stroke: colour("--bad"), width: 1, dash: [5, 4], points: { show: false } };
  }

  #tooltip() {
    const box = document.createElement("div");
    box.className = "chart-tip";
    box.hidden = true;
    const keys = [...this.figure.querySelectorAll(".chart-key:not(.key-limit)")];
    const setCursor = (plot) => {
      const { idx, left } = plot.cursor;
      box.hidden = idx === null || idx === undefined || left < 0 || !this.data[0][idx];
      if (box.hidden) return;
      const time = document.createElement("span");
      time.textContent = clock(this.data[0][idx], true);
      box.replaceChildren(time);
      this.names.forEach((_, place) => {
        const value = this.data[place + 1][idx];
        const line = document.createElement("span");
        line.className = `chart-key key-${place + 1}`;
        const word = keys[place]?.firstChild?.nodeType === Node.TEXT_NODE ? keys[place].firstChild.textContent.trim() : "";
        line.textContent = `${word} ${value === null || value === undefined ? "–" : this.word(value)}`.trim();
        box.append(line);
      });
      const width = plot.over.clientWidth;
      box.classList.toggle("is-left", left > width / 2);
      box.style.left = `${left}px`;
    };
    return { hooks: { init: (plot) => plot.over.append(box), setCursor } };
  }
}

export function last(column) {
  for (let place = column.length - 1; place >= 0; place -= 1) {
    if (column[place] !== null && column[place] !== undefined) return column[place];
  }
  return null;
}

function clock(seconds, exact = false) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(exact ? { second: "2-digit" } : {}) };
  return new Intl.DateTimeFormat(language(), options).format(new Date(seconds * 1000));
}
