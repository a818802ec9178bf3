// JupyterLab looks for this mark on the element that a key is meant for.
const OURS = ".sockets-lab-panel, .sockets-lab-prediction, .sockets-lab-hints";

function mark(event) {
  if (event.target.closest?.(OURS)) event.target.setAttribute("data-lm-suppress-shortcuts", "true");
}

function initialize() {
  document.addEventListener("focusin", mark, true);
  return () => document.removeEventListener("focusin", mark, true);
}

export default { initialize };
