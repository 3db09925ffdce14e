// The page: its two tabs, of which one is seen.
import './several.js';
import './single.js';

const tabs = Array.from(document.querySelectorAll('[role=tab]'));

function choose(tab) {
  for (const each of tabs) {
    each.setAttribute('aria-selected', String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
    document.getElementById(each.getAttribute('aria-controls')).hidden = each !== tab;
  }
  tab.focus();
}

tabs.forEach((tab, index) => {
  tab.addEventListener('click', () => choose(tab));
  tab.addEventListener('keydown', (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (step) choose(tabs[(index + step + tabs.length) % tabs.length]);
  });
});
document.body.classList.add('ready');
