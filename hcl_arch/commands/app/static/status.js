// The line that says what happens, with a bar and Cancel while work is done.
import {cancel, cancelAtEnd, follow} from './server.js';

const scroll = (element) => element.scrollIntoView({block: 'start'});

export class Status {
  constructor(element) {
    this.element = element;
    this.said = element.querySelector('.said');
    this.bar = element.querySelector('progress');
    this.button = element.querySelector('.cancel');
    this.token = null;
    this.button.addEventListener('click', () => {
      this.button.disabled = true;
      cancel(this.token).catch((error) => this.fail(error.message));
      this.say('Stopping …');
    });
    window.addEventListener('pagehide', () => { if (this.token) cancelAtEnd(this.token).catch(() => {}); });
  }

  get isBusy() { return this.element.classList.contains('busy'); }

  say(text, kind = '') {
    this.said.textContent = text;
    this.said.className = 'said ' + kind;
  }

  fail(text) { this.say(text, 'error'); }

  show() { scroll(this.element); }

  // Start work by a function that returns its token, and follow it; returns its result, or null if there is none.
  async work(start, tell = () => {}) {
    if (this.isBusy) return null;
    this.say('Starting …');
    this.element.classList.add('busy');
    this.bar.removeAttribute('value');
    this.bar.hidden = false;
    this.show();
    try {
      this.token = (await start()).task;
      this.button.hidden = this.button.disabled = false;
      const task = await follow(this.token, (state) => { this.tell(state); tell(state); });
      if (task.state === 'failed') this.fail(task.error);
      if (task.state === 'cancelled') this.say('Stopped.');
      return task.result || null;
    } catch (error) {
      this.fail(error.message);
      return null;
    } finally {
      this.token = null;
      this.element.classList.remove('busy');
      this.bar.hidden = this.button.hidden = true;
    }
  }

  tell(task) {
    if (!this.button.disabled) this.say(task.said);
    if (task.total > 1) {
      this.bar.max = task.total;
      this.bar.value = task.done;
    } else {
      this.bar.removeAttribute('value');
    }
  }
}
