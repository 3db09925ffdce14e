// One photograph in several layers that are zoomed and moved together, and the edge between before and after.
const MOST_ZOOM = 16, STEP = 1.5;

export class View {
  constructor(stage) {
    this.box = stage.querySelector('.view');
    this.sheets = this.box.querySelectorAll('.sheet');
    this.wipe = stage.querySelector('.wipe');
    this.output = stage.querySelector('.zoom output');
    this.edge = this.box.querySelector('.edge');
    this.size = [16, 9];
    this.zoom = 1;
    this.place = [0, 0];
    this.pointers = new Map();
    this.brush = null;  // takes pointer events in the place of moving: {down, move, up, leave}
    this.changed = () => {};
    stage.querySelectorAll('[data-zoom]').forEach((button) => {
      button.addEventListener('click', () => this.step(button.dataset.zoom));
    });
    this.wipe.addEventListener('input', () => this.draw());
    this.listen();
    new ResizeObserver(() => requestAnimationFrame(() => this.layOut())).observe(stage);
  }

  listen() {
    const box = this.box;
    box.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoomTo(this.zoom * Math.exp(-event.deltaY / 200), this.inside(event));
    }, {passive: false});
    box.addEventListener('dblclick', (event) => {
      if (!this.brush) this.zoomTo(this.zoom > 1 ? 1 : 2.5, this.inside(event));
    });
    box.addEventListener('pointerdown', (event) => this.down(event));
    box.addEventListener('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) box.addEventListener(name, (event) => this.up(event));
    box.addEventListener('pointerleave', () => { if (this.brush) this.brush.leave(); });
    box.addEventListener('keydown', (event) => this.key(event));
  }

  // What is seen, of `result`, `marks`, `map` and `photo`.
  get shown() { return this.box.dataset.show; }

  set shown(name) { this.box.dataset.show = name; this.draw(); }

  setSize(width, height) {
    this.size = [width, height];
    this.zoom = 1;
    this.place = [0, 0];
    this.layOut();
  }

  // The whole photograph fits into the box, whose height is limited by the style sheet.
  layOut() {
    const [width, height] = this.size, most = this.box.parentElement.clientWidth;
    if (!most) return;
    const tallest = parseFloat(getComputedStyle(this.box).maxHeight);
    const scale = Math.min(most / width, tallest / height);
    this.fitted = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    this.box.style.width = Math.max(this.fitted[0], Math.min(most, 120)) + 'px';
    this.box.style.height = Math.max(this.fitted[1], 48) + 'px';
    for (const sheet of this.sheets) {
      sheet.style.width = this.fitted[0] + 'px';
      sheet.style.height = this.fitted[1] + 'px';
    }
    this.draw();
  }

  step(name) {
    const middle = [this.box.clientWidth / 2, this.box.clientHeight / 2];
    if (name === 'all') this.zoomTo(1, middle);
    else this.zoomTo(name === 'in' ? this.zoom * STEP : this.zoom / STEP, middle);
  }

  // Zoom so that what is at a point of the box stays there.
  zoomTo(zoom, [x, y]) {
    const next = Math.min(Math.max(zoom, 1), MOST_ZOOM), ratio = next / this.zoom;
    this.place = [x - (x - this.place[0]) * ratio, y - (y - this.place[1]) * ratio];
    this.zoom = next;
    this.draw();
  }

  draw() {
    if (!this.fitted) return;
    const room = [this.box.clientWidth, this.box.clientHeight];
    this.place = this.place.map((place, axis) => {
      const over = this.fitted[axis] * this.zoom - room[axis];
      return over <= 0 ? -over / 2 : Math.min(0, Math.max(-over, place));
    });
    const [x, y] = this.place;
    for (const sheet of this.sheets) sheet.style.transform = `translate(${x}px, ${y}px) scale(${this.zoom})`;
    this.output.textContent = Math.round(100 * this.zoom) + ' %';
    this.box.classList.toggle('zoomed', this.zoom > 1);
    const share = this.shown === 'result' ? Number(this.wipe.value) / 100 : 1;
    this.edge.style.left = 100 * share + '%';
    const shown = (share * room[0] - x) / (this.fitted[0] * this.zoom);
    const right = Math.min(100, Math.max(0, 100 - 100 * shown));
    this.box.querySelector('.clip').style.clipPath = `inset(0 ${right.toFixed(2)}% 0 0)`;
    this.changed();
  }

  inside(event) {
    const box = this.box.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // A point in shares of the photograph.
  share(event) {
    const [x, y] = this.inside(event);
    return [(x - this.place[0]) / (this.fitted[0] * this.zoom), (y - this.place[1]) / (this.fitted[1] * this.zoom)];
  }

  down(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, this.inside(event));
    if (this.pointers.size > 1) {
      if (this.brush) this.brush.drop();
    } else if (this.brush) {
      event.preventDefault();
      this.box.setPointerCapture(event.pointerId);
      this.brush.down(this.share(event));
    } else if (this.zoom > 1 || event.target === this.edge) {
      this.box.setPointerCapture(event.pointerId);
      this.holdsEdge = event.target === this.edge;
    }
  }

  move(event) {
    const at = this.inside(event), before = this.pointers.get(event.pointerId);
    if (this.pointers.size === 2 && before) {
      this.pinch(event.pointerId, at);
    } else if (this.brush) {
      this.brush.move(this.share(event));
    } else if (before && this.holdsEdge) {
      this.wipe.value = 100 * at[0] / this.box.clientWidth;
    } else if (before && this.zoom > 1) {
      this.place = [this.place[0] + at[0] - before[0], this.place[1] + at[1] - before[1]];
    }
    if (before) {
      this.pointers.set(event.pointerId, at);
      if (!this.brush) this.draw();
    }
  }

  pinch(id, at) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, point]) => point);
    const far = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
    const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.zoomTo(this.zoom * far(at) / Math.max(1, far(this.pointers.get(id))), middle);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    this.holdsEdge = false;
    if (this.brush) this.brush.up();
  }

  key(event) {
    const moves = {ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
    const zooms = {'+': 'in', '=': 'in', '-': 'out', '0': 'all'};
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (zooms[event.key]) this.step(zooms[event.key]);
    else if (moves[event.key] && this.zoom > 1) {
      this.place = this.place.map((place, axis) => place + 60 * moves[event.key][axis]);
      this.draw();
    } else return;
    event.preventDefault();
  }
}
