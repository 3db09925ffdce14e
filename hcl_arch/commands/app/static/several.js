// Several photographs: a row and two small pictures of each as soon as it is done, and an archive of all at the end.
import {dropArea} from './drop.js';
import {OwnMask} from './own.js';
import {ask} from './server.js';
import {options, slider} from './settings.js';
import {Status} from './status.js';

const panel = document.getElementById('several');
const find = (selector) => panel.querySelector(selector);
const status = new Status(find('.status'));
const own = new OwnMask(find('.own'), () => {});
const threshold = slider(find('#threshold-several')), grow = slider(find('#grow-several'));
const results = find('.results'), body = find('tbody'), gallery = find('.gallery'), links = find('.links');

function made(name, text, attributes = {}) {
  const node = document.createElement(name);
  node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function add(row) {
  const share = row.share === null ? '' : (100 * row.share).toFixed(1) + ' %';
  const seconds = row.seconds === null ? '' : row.seconds.toFixed(1);
  const line = document.createElement('tr');
  line.classList.toggle('bad', Boolean(row.error));
  line.append(...[row.name, share, seconds, row.error || row.remark].map((text) => made('td', text)));
  body.append(line);
  if (row.after) {
    const figure = document.createElement('figure');
    figure.append(made('img', '', {src: row.before, alt: 'Before: ' + row.name}),
      made('img', '', {src: row.after, alt: 'After: ' + row.name}), made('figcaption', row.name));
    gallery.append(figure);
  }
  results.hidden = false;
}

async function run(files) {
  if (status.isBusy) return;
  body.replaceChildren();
  gallery.replaceChildren();
  links.replaceChildren();
  results.hidden = true;
  const sent = {files, threshold: threshold.get(), grow: grow.get(), own: own.value, ...options(panel)};
  const result = await status.work(() => ask('hcl/several', sent), (task) => task.rows.forEach(add));
  if (!result) return;
  status.say(result.said, 'done');
  if (result.archive) links.append(made('a', 'All (ZIP)', {href: 'hcl/several/' + result.archive, download: ''}));
  status.show();
}

dropArea(find('#drop-several'), run);
