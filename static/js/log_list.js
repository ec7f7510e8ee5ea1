/**
 * A scrolling list of log lines that keeps only the visible ones in the page.
 *
 * Lines are grouped in blocks; a block's height is measured when it is first drawn and estimated before. What one reads
 * stays where it is when an estimate above it turns out wrong, as it does with wrapped (uneven) lines. Knows nothing of
 * where lines come from.
 */

const BLOCK = 50;
const MARGIN_PX = 600;
// a busy browser may give no frame for long; the lines are drawn then all the same
const LATE_FRAME_MS = 250;

export class LogList {
  constructor(view, draw) {
    this.view = view;
    this.draw = draw;
    this.before = view.querySelector("[data-log-before]");
    this.body = view.querySelector("[data-log-body]");
    this.after = view.querySelector("[data-log-after]");
    this.lines = [];
    this.heights = [];
    this.drawn = new Map();
    // the line at the top of the view and how far below the view's edge it begins, as of the last drawing
    this.reading = null;
    this.lineHeight = 20;
    this.scheduled = false;
    view.addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.remeasure()).observe(view);
  }

  get atBottom() {
    return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < 24;
  }

  /** Lines that come between, or are left out: if the one that is being read is among them, it stays where it is. */
  replace(lines) {
    const at = this.reading ? lines.indexOf(this.reading.line) : -1;
    this.lines = lines;
    this.reading = at < 0 ? null : { ...this.reading, block: Math.floor(at / BLOCK), number: at % BLOCK };
    this.remeasure();
  }

  /** `lines` has grown at its end. */
  grown() {
    const last = Math.floor((this.lines.length - 1) / BLOCK);
    for (const block of [...this.drawn.keys()]) if (block >= last - 1) this.#fill(block);
    this.schedule();
  }

  /** The same lines may have other heights. */
  remeasure() {
    const stays = this.reading ? this.reading.isBottom : this.drawn.size > 0 && this.atBottom;
    this.heights = [];
    // at once: who hears of the scrolling must find it at the bottom again
    this.#render({ anew: true });
    if (stays) this.toBottom();
  }

  toBottom() {
    this.#render();
    this.view.scrollTop = this.view.scrollHeight;
    this.#render();
    this.view.scrollTop = this.view.scrollHeight;
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = () => {
      cancelAnimationFrame(frame);
      clearTimeout(late);
      this.scheduled = false;
      this.#render();
    };
    const frame = requestAnimationFrame(draw);
    const late = setTimeout(draw, LATE_FRAME_MS);
  }

  #render({ anew = false } = {}) {
    // drawn anew, the lines may have moved already: what counts is where they were
    const reading = anew ? this.reading : this.#topLine();
    const [first, last] = this.#window(anew && reading ? this.#sum(0, reading.block) : this.view.scrollTop);
    // From here to where there is as much as before, nothing is read that lays the page out: with less in it than there
    // is the browser would scroll up who is near the bottom.
    for (const [block, element] of this.drawn) {
      if (!anew && block >= first && block <= last) continue;
      element.remove();
      this.drawn.delete(block);
    }
    for (let block = first; block <= last; block += 1) if (!this.drawn.has(block)) this.#insert(block);
    this.#space(first, last);
    const { lineHeight } = this;
    this.#measure();
    if (this.lineHeight !== lineHeight) this.#space(first, last);
    if (reading) this.#moveBack(reading);
    this.reading = this.#topLine();
  }

  #topLine() {
    const { top } = this.view.getBoundingClientRect();
    for (const block of [...this.drawn.keys()].sort((a, b) => a - b)) {
      const lines = [...this.drawn.get(block).children];
      const number = lines.findIndex((line) => line.getBoundingClientRect().bottom > top);
      if (number < 0) continue;
      const line = this.lines[block * BLOCK + number];
      return { line, block, number, offset: lines[number].getBoundingClientRect().top - top, isBottom: this.atBottom };
    }
    return null;
  }

  #moveBack({ block, number, offset }) {
    const line = this.drawn.get(block)?.children[number];
    if (!line) return;
    const moved = line.getBoundingClientRect().top - this.view.getBoundingClientRect().top - offset;
    // less than a pixel is rounding, and to correct that would never end
    if (Math.abs(moved) >= 1) this.view.scrollTop += moved;
  }

  /** As much room above and below as what is not drawn there takes. */
  #space(first, last) {
    this.before.style.height = `${this.#sum(0, first)}px`;
    this.after.style.height = `${this.#sum(last + 1, Math.ceil(this.lines.length / BLOCK))}px`;
  }

  /** The first and the last block around what is `from` pixels from the top. */
  #window(from) {
    const blocks = Math.ceil(this.lines.length / BLOCK);
    const top = from - MARGIN_PX;
    const bottom = from + this.view.clientHeight + MARGIN_PX;
    let first = 0;
    let offset = 0;
    while (first < blocks - 1 && offset + this.#height(first) < top) offset += this.#height(first++);
    let last = first;
    while (last < blocks - 1 && offset + this.#height(last) < bottom) offset += this.#height(last++);
    return blocks ? [first, last] : [0, -1];
  }

  #height(block) {
    return this.heights[block] ?? Math.min(BLOCK, this.lines.length - block * BLOCK) * this.lineHeight;
  }

  #sum(from, to) {
    let sum = 0;
    for (let block = from; block < to; block += 1) sum += this.#height(block);
    return sum;
  }

  #insert(block) {
    const element = document.createElement("div");
    element.className = "log-part";
    const next = [...this.drawn.keys()].filter((other) => other > block).sort((a, b) => a - b)[0];
    this.body.insertBefore(element, next === undefined ? null : this.drawn.get(next));
    this.drawn.set(block, element);
    this.#fill(block);
  }

  #fill(block) {
    const element = this.drawn.get(block);
    const wanted = this.lines.slice(block * BLOCK, (block + 1) * BLOCK);
    // lines only grow at the end, so what is there stays
    for (const line of wanted.slice(element.childElementCount)) element.append(this.draw(line));
    delete this.heights[block];
  }

  #measure() {
    for (const [block, element] of this.drawn) {
      if (this.heights[block] === undefined) this.heights[block] = element.getBoundingClientRect().height;
    }
    const [sample] = this.drawn.values();
    if (sample?.firstElementChild) this.lineHeight = sample.firstElementChild.getBoundingClientRect().height || 20;
  }
}
