// Sliders that show their number, and the choices of how to repair.
export function slider(input, changed = () => {}) {
  const output = input.parentElement.querySelector('output');
  const show = () => { output.textContent = Math.round(100 * input.value) / 100; };
  show();
  input.addEventListener('input', () => { show(); changed(); });
  return {set: (value) => { input.value = value; show(); }, get: () => Number(input.value)};
}

export const options = (element) => ({
  composite: element.querySelector('[name=composite]').checked,
  reverse: element.querySelector('[name=reverse]').checked,
  erase: element.querySelector('[name=erase]').checked,
  filler: element.querySelector('[name=filler]').value,
});
