/**
 * <naru-stats>: charts of what a container or a host uses.
 *
 * History is fetched as JSON; with `data-topic` samples of each second follow by the page's websocket, or by polling
 * while that is away. Charts are the figures inside it.
 */

import { Chart, last } from "./charts.js";
import { live } from "./live.js";

const KEPT_SAMPLES = 1_200;
const LEAST_REFRESH_MS = 10_000;
const MOST_REFRESH_MS = 60_000;

class NaruStats extends HTMLElement {
  connectedCallback() {
    if (this.charts) return;
    this.charts = [...this.querySelectorAll("[data-chart]")].map((figure) => new Chart(figure));
    this.at = [];
    this.columns = {};
    this.watchers = [new ResizeObserver(() => this.charts.forEach((chart) => chart.resize()))];
    this.watchers[0].observe(this);
    const themes = new MutationObserver(() => this.at.length && this.charts.forEach((chart) => chart.draw()));
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
    this.watchers.push(themes);
    this.#begin();
  }

  disconnectedCallback() {
    this.watchers?.forEach((watcher) => watcher.disconnect());
    clearTimeout(this.timer);
    if (this.dataset.topic) live.unsubscribe(this.dataset.topic);
  }

  /** For tests: lose the websocket as a network would. */
  disconnect() {
    live.drop();
  }

  async #begin() {
    await this.#fetch();
    if (!this.dataset.topic) return;
    live.subscribe(this.dataset.topic, {
      pollUrl: this.dataset.poll,
      onLines: (lines) => this.append(lines),
    });
  }

  async #fetch() {
    let step = LEAST_REFRESH_MS / 1000;
    try {
      if (!document.hidden || !this.at.length) {
        const response = await fetch(this.dataset.history, { headers: { Accept: "application/json" } });
        if (response.ok) {
          const history = await response.json();
          step = history.step;
          this.at = history.at;
          this.columns = history.columns;
          this.#show();
        }
      }
    } catch {
      // the network is away; the next round asks again
    }
    if (!this.dataset.topic && this.isConnected) {
      const wait = Math.min(MOST_REFRESH_MS, Math.max(LEAST_REFRESH_MS, step * 1000));
      this.timer = setTimeout(() => this.#fetch(), wait);
    }
  }

  /** `lines`: [[milliseconds, "use", JSON], …] in order; what is not newer than the last is left out. */
  append(lines) {
    const order = this.dataset.order.split(" ");
    for (const [ms, , text] of lines) {
      const at = ms / 1000;
      if (this.at.length && at <= this.at.at(-1)) continue;
      const values = JSON.parse(text);
      // the first sample of a stream knows no rates, and would leave a gap behind what is drawn already
      if (values[0] === null && this.at.length) continue;
      this.at.push(at);
      order.forEach((name, place) => (this.columns[name] ||= new Array(this.at.length - 1).fill(null)).push(values[place]));
      // peaks are of coarse steps alone
      for (const column of Object.values(this.columns)) while (column.length < this.at.length) column.push(null);
    }
    const excess = this.at.length - KEPT_SAMPLES;
    if (excess > 0) for (const column of [this.at, ...Object.values(this.columns)]) column.splice(0, excess);
    this.#show();
  }

  #show() {
    this.dataset.samples = String(this.at.length);
    this.dataset.lastAt = String(this.at.at(-1) ?? "");
    const hasAny = this.at.length > 0 && Object.values(this.columns).some((column) => last(column) !== null);
    this.querySelector("[data-empty]")?.toggleAttribute("hidden", hasAny);
    this.classList.toggle("is-empty", !hasAny);
    if (!hasAny) return;
    const window_s = this.dataset.topic ? Number(this.dataset.window) : 0;
    const end = this.at.at(-1);
    const range = window_s ? [end - window_s, end] : null;
    for (const chart of this.charts) chart.show(this.at, this.columns, range);
  }
}

customElements.define("naru-stats", NaruStats);
