// Pictures to choose from; the event 'picked' tells the number of the one that was.
element.querySelectorAll('button').forEach((button, index) => {
  button.addEventListener('click', () => trigger('picked', {index: index}));
});
