// The map: points on a canvas, to zoom and to move by mouse, touch, keys and buttons; the taste glides to its new place.

import { parted } from "./dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class CatalogueMap {
  constructor(canvas, tools, onPick) {
    Object.assign(this, { canvas, onPick, items: [], rated: new Set(), listed: new Set(), taste: null, shown: null, view: null });
    this.home();
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.grab(event));
    tools.addEventListener("click", (event) => {
      const move = event.target.closest("button")?.dataset.move;
      if (move) this.move(move);
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  home() { this.view = { x: 0, y: 0, size: 1.1 }; }

  move(how) {
    const { view } = this, step = view.size * 0.35;
    if (how === "in") view.size = Math.max(0.02, view.size / 1.5);
    if (how === "out") view.size = Math.min(4, view.size * 1.5);
    if (how === "left") view.x -= step;
    if (how === "right") view.x += step;
    if (how === "up") view.y += step;
    if (how === "down") view.y -= step;
    if (how === "home") this.home();
    this.draw();
  }

  wheel(event) {
    event.preventDefault();
    const [x, y] = this.there(event), factor = Math.exp(event.deltaY * 0.0015);
    const size = Math.min(4, Math.max(0.02, this.view.size * factor)), share = size / this.view.size;
    this.view = { x: x + (this.view.x - x) * share, y: y + (this.view.y - y) * share, size };
    this.draw();
  }

  grab(start) {
    this.canvas.setPointerCapture(start.pointerId);
    const from = { ...this.view }, unit = this.unit();
    let moved = false;
    const move = (event) => {
      moved ||= Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > 4;
      this.view = { ...from, x: from.x - (event.clientX - start.clientX) / unit, y: from.y + (event.clientY - start.clientY) / unit };
      this.draw();
    };
    const end = (event) => {
      this.canvas.removeEventListener("pointermove", move);
      if (!moved) this.pick(event);
    };
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", end, { once: true });
    this.canvas.addEventListener("pointercancel", () => this.canvas.removeEventListener("pointermove", move), { once: true });
  }

  pick(event) {
    const box = this.canvas.getBoundingClientRect();
    const near = this.items.map((item) => [Math.hypot(...this.at(item).map((p, n) => p - [event.clientX - box.left, event.clientY - box.top][n])), item]);
    const [distance, item] = near.reduce((best, one) => (one[0] < best[0] ? one : best), [Infinity, null]);
    if (distance < 14) this.onPick(item);
  }

  unit() { return Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / (2 * this.view.size); }

  at(point) {
    const unit = this.unit();
    return [this.canvas.clientWidth / 2 + (point.x - this.view.x) * unit, this.canvas.clientHeight / 2 - (point.y - this.view.y) * unit];
  }

  there(event) {
    const box = this.canvas.getBoundingClientRect(), unit = this.unit();
    return [this.view.x + (event.clientX - box.left - box.width / 2) / unit, this.view.y - (event.clientY - box.top - box.height / 2) / unit];
  }

  nearest(n) {
    if (!this.taste) return [];
    const distance = (item) => Math.hypot(item.x - this.taste.x, item.y - this.taste.y);
    return [...this.items].sort((a, b) => distance(a) - distance(b)).slice(0, n);
  }

  setTaste(taste) {
    const from = this.shown, calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.taste = taste;
    if (!taste || !from || calm) { this.shown = taste; this.draw(); return; }
    const start = performance.now();
    const glide = (now) => {
      if (this.taste !== taste) return;
      const done = Math.min(1, (now - start) / 500), ease = done * (2 - done);
      this.shown = { x: from.x + (taste.x - from.x) * ease, y: from.y + (taste.y - from.y) * ease };
      this.draw();
      if (done < 1) requestAnimationFrame(glide);
    };
    requestAnimationFrame(glide);
  }

  draw() {
    const { canvas } = this, ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.clearRect(0, 0, width, height);
    const most = Math.max(1, ...this.items.map((item) => item.met_by)), zoom = Math.sqrt(1.1 / this.view.size);
    const point = (item, fill, radius, alpha) => {
      const [x, y] = this.at(item);
      if (x < -20 || y < -20 || x > width + 20 || y > height + 20) return null;
      pen.globalAlpha = alpha;
      pen.fillStyle = fill;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.fill();
      pen.globalAlpha = 1;
      return [x, y];
    };
    const radius = (item) => (1.2 + 4.5 * Math.sqrt(item.met_by / most)) * Math.min(2, zoom);
    const special = (item) => this.rated.has(item.item) || this.listed.has(item.item);
    for (const item of this.items) if (!special(item)) point(item, colour("--quiet"), radius(item), 0.4);
    for (const item of this.items) {
      if (this.listed.has(item.item)) point(item, colour("--accent"), Math.max(4.5, radius(item)), 0.95);
      if (this.rated.has(item.item)) point(item, colour("--second"), Math.max(5.5, radius(item)), 0.95);
    }
    this.names(pen, special);
    if (this.shown) {
      const [x, y] = this.at(this.shown);
      pen.lineWidth = 3;
      pen.strokeStyle = colour("--panel");
      pen.beginPath(); pen.arc(x, y, 9, 0, 7); pen.stroke();
      point(this.shown, colour("--you"), 8, 1);
    }
  }

  names(pen, special) {
    // Names of what matters first, as long as they do not stand on one another.
    const taken = [], wanted = [...this.items.filter(special), ...this.items.filter((item) => !special(item)).slice(0, 400)];
    pen.font = "12px system-ui, sans-serif";
    let written = 0;
    for (const item of wanted) {
      const [x, y] = this.at(item);
      if (written > 28) break;
      const text = parted(item)[0].slice(0, 28), size = pen.measureText(text).width;
      const box = [x + 7, y - 8, x + 9 + size, y + 7];
      if (x < 0 || y < 8 || box[2] > this.canvas.clientWidth - 90 || y > this.canvas.clientHeight - 8) continue;
      if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      written += 1;
      pen.lineWidth = 3;
      pen.strokeStyle = colour("--panel");
      pen.strokeText(text, x + 8, y + 4);
      pen.fillStyle = special(item) ? colour("--text") : colour("--quiet");
      pen.fillText(text, x + 8, y + 4);
    }
  }
}
