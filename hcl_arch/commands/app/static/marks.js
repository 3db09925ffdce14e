// What is marked, as an outline that covers nothing of it, and the brush. Strokes are {erase, radius, points: [[x, y],
// ...]} in shares of the photograph's width and height, the radius in shares of its longer side.
const INNER = '#ff005c', OUTER = '#ffffff', SHOWN = 1280;

const surface = () => document.createElement('canvas').getContext('2d', {willReadFrequently: true});

export class Marks {
  constructor(canvas, size, view) {
    this.canvas = canvas;
    this.size = size;
    this.view = view;
    this.context = canvas.getContext('2d', {willReadFrequently: true});
    this.mask = surface();
    this.coloured = surface();
    this.strokes = [];
    this.current = this.cursor = null;
    this.erases = false;
    this.painted = () => {};
  }

  get longer() { return Math.max(this.canvas.width, this.canvas.height); }

  get radius() { return Number(this.size.value) / 200; }

  // As large as pictures are shown, also of a small photograph, or its outline would be coarse.
  start(width, height) {
    const times = Math.max(1, Math.round(SHOWN / Math.max(width, height)));
    [width, height] = [width * times, height * times];
    for (const {canvas} of [this.context, this.mask, this.coloured]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.strokes = [];
    this.current = this.cursor = null;
  }

  // A mask as an image, white where something is marked; it has the first so many strokes.
  show(image, count) {
    const {width, height} = this.canvas;
    this.mask.clearRect(0, 0, width, height);
    this.mask.imageSmoothingEnabled = false;
    this.mask.drawImage(image, 0, 0, width, height);
    const pixels = this.mask.getImageData(0, 0, width, height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      pixels.data[i + 3] = pixels.data[i] > 127 ? 255 : 0;
      pixels.data[i] = pixels.data[i + 1] = pixels.data[i + 2] = 255;
    }
    this.mask.putImageData(pixels, 0, 0);
    this.strokes.slice(count).forEach((stroke) => this.paint(stroke));
    if (this.current) this.paint(this.current);
    this.draw();
  }

  paint(stroke) {
    const context = this.mask, {width, height} = this.canvas;
    context.globalCompositeOperation = stroke.erase ? 'destination-out' : 'source-over';
    context.strokeStyle = '#fff';
    context.lineCap = context.lineJoin = 'round';
    context.lineWidth = 2 * stroke.radius * this.longer;
    context.beginPath();
    const [first, ...rest] = stroke.points;
    context.moveTo(first[0] * width, first[1] * height);
    for (const [x, y] of rest.length ? rest : [[first[0] + 1e-5, first[1]]]) context.lineTo(x * width, y * height);
    context.stroke();
    context.globalCompositeOperation = 'source-over';
  }

  // A ring of two colours outside of the mask: what shows it on any ground.
  draw() {
    const {context, canvas} = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const pixel = canvas.width / Math.max(1, this.view.fitted[0] * this.view.zoom);
    const inner = Math.max(1, 2 * pixel);
    this.spread(OUTER, inner + Math.max(1, pixel));
    this.spread(INNER, inner);
    context.globalCompositeOperation = 'destination-out';
    context.drawImage(this.mask.canvas, 0, 0);
    context.globalCompositeOperation = 'source-over';
    if (this.cursor) this.drawCursor(pixel);
  }

  spread(colour, distance) {
    const {context, coloured} = this, {width, height} = this.canvas;
    coloured.globalCompositeOperation = 'copy';
    coloured.drawImage(this.mask.canvas, 0, 0);
    coloured.globalCompositeOperation = 'source-in';
    coloured.fillStyle = colour;
    coloured.fillRect(0, 0, width, height);
    for (let turn = 0; turn < 8; turn++) {
      const angle = turn * Math.PI / 4;
      context.drawImage(coloured.canvas, distance * Math.cos(angle), distance * Math.sin(angle));
    }
  }

  drawCursor(pixel) {
    const {context, canvas} = this;
    context.beginPath();
    context.arc(this.cursor[0] * canvas.width, this.cursor[1] * canvas.height, this.radius * this.longer, 0, 7);
    context.lineWidth = Math.max(1, 1.5 * pixel);
    context.strokeStyle = '#fff';
    context.stroke();
    context.setLineDash([4 * pixel, 4 * pixel]);
    context.strokeStyle = '#000';
    context.stroke();
    context.setLineDash([]);
  }

  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.draw(); });
  }

  down(point) {
    this.current = {erase: this.erases, radius: this.radius, points: [rounded(point)]};
    this.paint(this.current);
    this.drawSoon();
  }

  move(point) {
    this.cursor = point;
    if (this.current) {
      this.current.points.push(rounded(point));
      this.paint({...this.current, points: this.current.points.slice(-2)});
    }
    this.drawSoon();
  }

  up() {
    if (!this.current) return;
    this.strokes = [...this.strokes, this.current];
    this.current = null;
    this.painted();
  }

  // Two fingers zoom; what the first one has begun to paint goes with the next answer.
  drop() {
    if (!this.current) return;
    this.current = null;
    this.painted();
  }

  leave() {
    this.cursor = null;
    this.drawSoon();
  }

  takeBack(count) {
    this.strokes = this.strokes.slice(0, count);
    this.painted();
  }
}

const rounded = (point) => point.map((number) => Math.round(number * 1e4) / 1e4);
