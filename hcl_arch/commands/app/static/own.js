// A mask of the visitor's: its file, and how it is meant. `changed` is called when another one, or none, is to be used.
import {dropArea} from './drop.js';
import {ask} from './server.js';

export class OwnMask {
  constructor(element, changed) {
    this.token = null;
    this.changed = changed;
    this.find = (selector) => element.querySelector(selector);
    this.kept = this.find('.kept');
    this.forgets = this.find('.forget');
    this.drop = dropArea(this.find('.drop'), ([file]) => this.take({upload: file.token}));
    for (const name of ['polarity', 'channel', 'fit']) {
      this.find('[name=' + name + ']').addEventListener('change', () => { if (this.token) this.take({token: this.token}); });
    }
    this.forgets.addEventListener('click', () => { this.forget(); this.changed(); });
  }

  // What the server needs to know of it; null if there is none.
  get value() { return this.token && {token: this.token, ...this.meaning}; }

  get meaning() {
    const [polarity, channel] = ['polarity', 'channel'].map((name) => this.find('[name=' + name + ']').value);
    return {polarity, channel, fit: this.find('[name=fit]').checked};
  }

  async take(source) {
    try {
      const {token, said} = await ask('hcl/mask', {...source, ...this.meaning});
      this.drop.say('');
      this.token = token;
      this.kept.textContent = said;
      this.kept.hidden = this.forgets.hidden = false;
      this.changed();
    } catch (error) {
      this.forget();
      this.drop.say(error.message, true);
      this.changed();
    }
  }

  forget() {
    this.token = null;
    this.kept.hidden = this.forgets.hidden = true;
  }
}
