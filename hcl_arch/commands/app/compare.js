// Before and after, one over the other; the slider moves the edge between them. Value: {before, after, name}.
const slider = element.querySelector('input');
const before = element.querySelector('.hcl-before'), after = element.querySelector('.hcl-after');
const edge = element.querySelector('.hcl-edge');

function move() {
  before.style.clipPath = 'inset(0 ' + (100 - slider.value) + '% 0 0)';
  edge.style.left = slider.value + '%';
}

function show() {
  const value = props.value;
  if (!value || !value.after) return;
  before.src = value.before;
  after.src = value.after;
}

slider.addEventListener('input', move);
watch('value', show);
show();
move();
