// A button that is switched off under the reader's finger hands the focus to its neighbour instead of losing it.
export function disable(button, off, neighbour) {
  const focused = document.activeElement === button;
  button.disabled = off;
  if (off && focused) neighbour.focus();
}
