// One photograph: bring it, look at what is found, correct it, repair, compare, download.
import {dropArea} from './drop.js';
import {Marks} from './marks.js';
import {OwnMask} from './own.js';
import {ask} from './server.js';
import {options, slider} from './settings.js';
import {Status} from './status.js';
import {View} from './view.js';

const panel = document.getElementById('one');
const find = (selector) => panel.querySelector(selector);
const status = new Status(find('.status'));
const view = new View(find('.stage'));
const marks = new Marks(find('canvas'), find('#size'), view);
const own = new OwnMask(find('.own'), change);
const images = {before: find('img.before'), after: find('img.after'), map: find('img.map')};
const undo = find('.undo'), clear = find('.clear'), repair = find('#repair');
const threshold = slider(find('#threshold'), change);
const grow = slider(find('#grow'), change);
// The photograph that is shown; whether a change waits, the telling of changes, and why the last one was refused.
let taking = Promise.resolve(), current = null, waits = false, telling = null, trouble = '';

const load = (source) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = () => reject(new Error('A picture could not be loaded. Is hcl-app still running?'));
  image.src = source;
});

const address = (what) => 'hcl/photo/' + current.id + '/' + what;
const busy = () => { repair.disabled = status.isBusy; };

function show(name) {
  find('input[name=show][value=' + name + ']').checked = true;
  view.shown = name;
  settle();
}

function settle() {
  const brush = find('input[name=brush]:checked').value;
  marks.erases = brush === 'erase';
  view.brush = brush === 'off' || view.shown !== 'marks' ? null : marks;
  view.box.classList.toggle('painting', Boolean(view.brush));
  undo.disabled = clear.disabled = !marks.strokes.length;
}

// Show a state of a photograph as the server describes it, after those before it.
function take(value) {
  taking = taking.catch(() => {}).then(() => takeNext(value));
  return taking;
}

async function takeNext(value) {
  const isNew = !current || current.id !== value.id;
  current = value;
  const mask = await load(value.mask);
  if (isNew) await begin(value);
  threshold.set(value.threshold);
  grow.set(value.grow);
  if (!value.own) own.forget();
  marks.show(mask, value.strokes);
  find('.share').textContent = value.share;
  marks.canvas.setAttribute('aria-label', `The photograph, ${value.width} by ${value.height} pixels. ${value.share}`);
  find('input[name=show][value=result]').disabled = !value.found;
  if (!value.found && view.shown === 'result') show('marks');
  settle();
  links();
}

async function begin(value) {
  const photo = await load(address('before'));
  images.before.src = photo.src;
  images.map.src = address('map');
  images.after.removeAttribute('src');
  document.body.classList.add('open');
  find('.work').hidden = false;
  find('input[name=brush][value=off]').checked = true;
  own.forget();
  marks.start(photo.naturalWidth, photo.naturalHeight);
  view.setSize(value.width, value.height);
  show('marks');
}

function links() {
  const nodes = Object.entries(current.downloads).map(([what, label]) => {
    const link = document.createElement('a');
    link.href = address(what);
    link.download = '';
    link.textContent = label;
    return link;
  });
  find('.links').replaceChildren(...nodes);
}

// Work that ends with a repaired photograph.
async function run(start) {
  if (status.isBusy) return;
  let told = null;
  const work = status.work(start, (task) => {
    if (!task.shown || (told && told.id === task.shown.id)) return;
    told = task.shown;
    take(told).catch((error) => status.fail(error.message));
  });
  busy();
  const value = await work;
  if (value) await finish(value).catch((error) => status.fail(error.message));
  busy();
}

async function finish(value) {
  await take(value);
  if (value.found) {
    // The number makes the browser fetch the new picture.
    images.after.src = (await load(address('after') + '?' + value.repairs)).src;
    show('result');
  }
  status.say(value.said, value.found ? 'done' : 'nothing');
  status.show();
}

// Tell the server sliders, strokes and mask; of several changes in quick succession the last one counts.
function change() {
  if (!current) return;
  waits = true;
  if (view.shown !== 'marks') show('marks');
  telling = telling || tellAll().finally(() => { telling = null; });
}

async function tellAll() {
  while (waits) {
    waits = false;
    trouble = '';
    const {id} = current;
    const sent = {id, threshold: threshold.get(), grow: grow.get(), strokes: marks.strokes, own: own.value};
    try {
      const value = await ask('hcl/marks', sent);
      if (current.id !== id || waits) continue;
      await take({...value, found: current.found, downloads: current.downloads});
      if (!status.isBusy) status.say(value.said);
    } catch (error) {
      own.forget();
      trouble = error.message;
      status.fail(trouble);
    }
  }
}

async function startRepair() {
  if (telling) {
    await telling;
    if (trouble) throw new Error(trouble);
  }
  return ask('hcl/repair', {id: current.id, ...options(panel)});
}

// Where a picture is zoomed into, one with more pixels takes its place.
function sharpen() {
  if (!current) return;
  const needed = view.fitted[0] * view.zoom * devicePixelRatio;
  for (const [name, image] of [['before', images.before], ['after', images.after]]) {
    const isSmall = image.naturalWidth && image.naturalWidth < current.width && needed > 1.2 * image.naturalWidth;
    if (isSmall && !image.src.includes('-large')) image.src = image.src.replace('/' + name, '/' + name + '-large');
  }
}

let sharpening = 0;
view.changed = () => {
  clearTimeout(sharpening);
  sharpening = setTimeout(sharpen, 200);
  if (current) marks.drawSoon();
};
marks.painted = () => { settle(); change(); };
dropArea(find('#drop-one'), ([file]) => {
  run(() => ask('hcl/open', {upload: file.token, ...options(panel)}));
});
panel.querySelectorAll('.examples button').forEach((button, index) => {
  button.addEventListener('click', () => run(() => ask('hcl/open', {example: index, ...options(panel)})));
});
repair.addEventListener('click', () => run(startRepair));
undo.addEventListener('click', () => marks.takeBack(-1));
clear.addEventListener('click', () => marks.takeBack(0));
for (const choice of panel.querySelectorAll('input[name=show]')) {
  choice.addEventListener('change', () => show(choice.value));
}
for (const choice of panel.querySelectorAll('input[name=brush]')) {
  choice.addEventListener('change', () => { if (choice.value !== 'off') show('marks'); settle(); });
}
find('#size').addEventListener('input', () => marks.drawSoon());
