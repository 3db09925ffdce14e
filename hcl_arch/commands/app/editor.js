// The photograph with the mask as a tint over it, and the brush. Value: {id, photo, map, mask, share, strokes, width,
// height}; the event 'painted' tells the page all strokes: {strokes: [{erase, radius, points: [[x, y], ...]}]}, in
// shares of the photograph's width and height, the radius in shares of its longer side.
const find = (selector) => element.querySelector(selector);
const canvas = find('canvas'), size = find('.hcl-size'), undo = find('.hcl-undo'), clear = find('.hcl-clear');
const share = find('.hcl-share');
const context = canvas.getContext('2d');
const tint = document.createElement('canvas');
const tintContext = tint.getContext('2d', {willReadFrequently: true});
const TINT = [255, 0, 92], STRENGTH = 0.6;
let id = null, photo = null, map = null, strokes = [], current = null, cursor = null, round = 0;

const checked = (name) => find('input[name=' + name + ']:checked').value;
const load = (source) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = () => reject(new Error('a picture of the page could not be loaded'));
  image.src = source;
});

function draw() {
  if (!photo) return;
  const view = checked('hcl-view');
  context.drawImage(view === 'map' ? map : photo, 0, 0, canvas.width, canvas.height);
  if (view === 'mask') {
    context.globalAlpha = STRENGTH;
    context.drawImage(tint, 0, 0);
    context.globalAlpha = 1;
  }
  if (cursor && checked('hcl-brush') !== 'off') {
    context.beginPath();
    context.arc(cursor[0] * canvas.width, cursor[1] * canvas.height, radius() * longer(), 0, 2 * Math.PI);
    context.lineWidth = Math.max(1, canvas.width / 500);
    context.strokeStyle = '#fff';
    context.stroke();
    context.setLineDash([6, 6]);
    context.strokeStyle = '#000';
    context.stroke();
    context.setLineDash([]);
  }
}

const longer = () => Math.max(canvas.width, canvas.height);
const radius = () => Number(size.value) / 200;

function paint(stroke) {
  tintContext.globalCompositeOperation = stroke.erase ? 'destination-out' : 'source-over';
  tintContext.strokeStyle = tintContext.fillStyle = 'rgb(' + TINT.join(',') + ')';
  tintContext.lineCap = tintContext.lineJoin = 'round';
  tintContext.lineWidth = 2 * stroke.radius * longer();
  tintContext.beginPath();
  stroke.points.forEach(([x, y], index) => {
    if (index) tintContext.lineTo(x * tint.width, y * tint.height);
    else tintContext.moveTo(x * tint.width, y * tint.height);
  });
  if (stroke.points.length === 1) tintContext.lineTo(stroke.points[0][0] * tint.width + 0.01,
    stroke.points[0][1] * tint.height);
  tintContext.stroke();
  tintContext.globalCompositeOperation = 'source-over';
}

function showMask(image) {
  tintContext.clearRect(0, 0, tint.width, tint.height);
  tintContext.drawImage(image, 0, 0, tint.width, tint.height);
  const pixels = tintContext.getImageData(0, 0, tint.width, tint.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    pixels.data[i + 3] = pixels.data[i];
    for (let c = 0; c < 3; c++) pixels.data[i + c] = TINT[c];
  }
  tintContext.putImageData(pixels, 0, 0);
}

async function show() {
  const value = props.value, turn = ++round;
  if (!value || !value.id) return;
  const isNew = value.id !== id;
  const pictures = isNew ? [value.mask, value.photo, value.map] : [value.mask];
  const loaded = await Promise.all(pictures.map(load));
  if (turn !== round) return;  // a newer one is on its way
  if (isNew) {
    [, photo, map] = loaded;
    id = value.id;
    canvas.width = tint.width = photo.naturalWidth;
    canvas.height = tint.height = photo.naturalHeight;
    strokes = value.strokes;
    current = null;
    const status = document.getElementById('hcl-status-one');
    if (status) status.scrollIntoView({block: 'start'});
  }
  showMask(loaded[0]);
  // Strokes that were painted after what this answers.
  strokes.slice(value.strokes.length).forEach(paint);
  if (current) paint(current);
  share.textContent = value.share;
  canvas.setAttribute('aria-label', 'The photograph, ' + value.width + ' by ' + value.height + ' pixels. '
    + value.share);
  settle();
  draw();
}

function settle() {
  undo.disabled = clear.disabled = !strokes.length;
  canvas.style.touchAction = checked('hcl-brush') === 'off' ? 'auto' : 'none';
  canvas.style.cursor = checked('hcl-brush') === 'off' ? 'default' : 'crosshair';
}

function tell() {
  settle();
  trigger('painted', {strokes: strokes});
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const round4 = (number) => Math.round(number * 1e4) / 1e4;
  return [round4((event.clientX - box.left) / box.width), round4((event.clientY - box.top) / box.height)];
}

canvas.addEventListener('pointerdown', (event) => {
  if (!photo || event.button !== 0 || checked('hcl-brush') === 'off') return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  if (checked('hcl-view') !== 'mask') find('input[name=hcl-view][value=mask]').checked = true;
  current = {erase: checked('hcl-brush') === 'erase', radius: radius(), points: [place(event)]};
  paint(current);
  draw();
});
canvas.addEventListener('pointermove', (event) => {
  cursor = place(event);
  if (current) {
    current.points.push(cursor);
    paint({...current, points: current.points.slice(-2)});
  }
  draw();
});
for (const name of ['pointerup', 'pointercancel']) {
  canvas.addEventListener(name, () => {
    if (!current) return;
    strokes = [...strokes, current];
    current = null;
    tell();
  });
}
canvas.addEventListener('pointerleave', () => { cursor = null; draw(); });
undo.addEventListener('click', () => { strokes = strokes.slice(0, -1); tell(); });
clear.addEventListener('click', () => { strokes = []; tell(); });
for (const choice of element.querySelectorAll('input[type=radio]')) {
  choice.addEventListener('change', () => { settle(); draw(); });
}
size.addEventListener('input', draw);
watch('value', show);
show();
