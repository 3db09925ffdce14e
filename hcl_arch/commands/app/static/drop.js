// A place where files are dropped or chosen. They are sent one by one; then `brought` gets [{name, token or error}].
import {send} from './server.js';

export function dropArea(area, brought) {
  const input = area.querySelector('input'), note = area.nextElementSibling, most = Number(area.dataset.most);

  function say(text, isError) {
    note.textContent = text;
    note.classList.toggle('error', Boolean(isError));
  }

  async function take(list) {
    const files = Array.from(list);
    if (!files.length || area.classList.contains('busy')) return;
    if (files.length > most) {
      say(most === 1 ? 'One file at a time here. For more photographs, use “Several”.'
        : 'At most ' + most + ' files at a time.', true);
      return;
    }
    area.classList.add('busy');
    const sent = [];
    for (const file of files) {
      const count = files.length > 1 ? ' (' + (sent.length + 1) + ' of ' + files.length + ')' : '';
      sent.push(await send(file, (share) => say('Sending ' + file.name + count + ' ' + Math.round(100 * share) + ' %')));
    }
    area.classList.remove('busy');
    input.value = '';
    if (files.length === 1 && sent[0].error) {
      say(sent[0].name + ': ' + sent[0].error, true);
      return;
    }
    say('');
    brought(sent);
  }

  input.addEventListener('change', () => take(input.files));
  for (const name of ['dragenter', 'dragover']) {
    area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add('aimed'); });
  }
  for (const name of ['dragleave', 'drop']) {
    area.addEventListener(name, (event) => { event.preventDefault(); area.classList.remove('aimed'); });
  }
  area.addEventListener('drop', (event) => take(event.dataTransfer.files));
  return {say};
}
