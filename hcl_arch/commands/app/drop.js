// The place where files are dropped or chosen. They are sent to hcl/upload one by one; then the event 'brought' tells
// the page their tokens: {files: [{token, name} or {name, error}]}.
const input = element.querySelector('input');
const area = element.querySelector('.hcl-drop');
const note = element.querySelector('.hcl-drop-note');
const mebibytes = (bytes) => (bytes / 1048576).toFixed(0) + ' MiB';

function say(text, isError) {
  note.textContent = text;
  note.classList.toggle('hcl-error', Boolean(isError));
}

function send(file, label) {
  return new Promise((resolve) => {
    if (file.size > props.max_bytes) {
      resolve({name: file.name, error: 'This file is too large: at most ' + mebibytes(props.max_bytes)
        + ' can be taken.'});
      return;
    }
    const request = new XMLHttpRequest();
    request.open('POST', 'hcl/upload');
    request.setRequestHeader('X-File-Name', encodeURIComponent(file.name));
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) say(label + ' ' + Math.round(100 * event.loaded / event.total) + ' %');
    };
    request.onload = () => {
      if (request.status === 200) resolve({name: file.name, token: JSON.parse(request.responseText).token});
      else resolve({name: file.name, error: request.responseText.slice(0, 300)});
    };
    request.onerror = () => resolve({name: file.name, error: 'The page does not answer. Is hcl-app still running?'});
    request.send(file);
  });
}

async function take(list) {
  let files = Array.from(list);
  if (!files.length || area.classList.contains('hcl-busy')) return;
  if (files.length > props.max_files) {
    say(props.max_files === 1 ? 'One photograph at a time here. For more, use the tab "Several".'
      : 'At most ' + props.max_files + ' files at a time.', true);
    return;
  }
  area.classList.add('hcl-busy');
  const sent = [];
  for (const file of files) {
    const count = files.length > 1 ? ' (' + (sent.length + 1) + ' of ' + files.length + ')' : '';
    sent.push(await send(file, 'Reading ' + file.name + count));
  }
  area.classList.remove('hcl-busy');
  input.value = '';
  if (files.length === 1 && sent[0].error) {
    say(sent[0].name + ': ' + sent[0].error, true);
    return;
  }
  say('');
  trigger('brought', {files: sent});
}

input.addEventListener('change', () => take(input.files));
for (const name of ['dragenter', 'dragover']) {
  area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add('hcl-over'); });
}
for (const name of ['dragleave', 'drop']) {
  area.addEventListener(name, (event) => { event.preventDefault(); area.classList.remove('hcl-over'); });
}
area.addEventListener('drop', (event) => take(event.dataTransfer.files));
