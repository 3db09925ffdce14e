// What the page asks of its server; all addresses are below that of the page.
const GONE = 'The page does not answer. Is hcl-app still running?';
const POLL = 250;

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(GONE);
  }
  if (!response.ok) throw new Error((await response.text()).slice(0, 500));
  return response.json();
}

export async function ask(path, sent) {
  const told = await answer(path, {method: 'POST', body: JSON.stringify(sent)});
  if (told.error) throw new Error(told.error);
  return told;
}

// Follow work until it ends: `tell` gets each state, with the rows that are new. Returns the last one.
export async function follow(token, tell) {
  for (let rows = 0; ;) {
    const task = await answer('hcl/task/' + token + '?after=' + rows);
    rows += task.rows.length;
    tell(task);
    if (task.state !== 'waiting' && task.state !== 'working') return task;
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

export const cancel = (token) => ask('hcl/task/' + token + '/cancel', {});

// A page that is left lets its work end; the request outlives the page.
export const cancelAtEnd = (token) => fetch('hcl/task/' + token + '/cancel', {method: 'POST', keepalive: true});

// Send a file; returns {name, token} or {name, error}.
export function send(file, progress) {
  return new Promise((resolve) => {
    const most = Number(document.body.dataset.mostBytes);
    if (file.size > most) {
      const text = 'This file is too large: at most ' + (most / 1048576).toFixed(0) + ' MiB can be taken.';
      resolve({name: file.name, error: text});
      return;
    }
    const request = new XMLHttpRequest();
    request.open('POST', 'hcl/upload');
    request.setRequestHeader('X-File-Name', encodeURIComponent(file.name));
    request.upload.onprogress = (event) => { if (event.lengthComputable) progress(event.loaded / event.total); };
    request.onload = () => {
      if (request.status === 200) resolve({name: file.name, token: JSON.parse(request.responseText).token});
      else resolve({name: file.name, error: request.responseText.slice(0, 300)});
    };
    request.onerror = () => resolve({name: file.name, error: GONE});
    request.send(file);
  });
}
