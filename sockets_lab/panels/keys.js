// JupyterLab looks for this mark on the element that a key is meant for.
const OURS = ".sockets-lab-panel, .sockets-lab-prediction, .sockets-lab-hints";

function mark(event) {
  if (event.target.closest?.(OURS)) event.target.setAttribute("data-lm-suppress-shortcuts", "true");
}

// A click on a map of 256 by 256 numbers writes the number there into the panel's field for it.
function pick(event) {
  const map = event.target.closest?.(".sockets-lab-panel image");
  const field = map?.closest(".sockets-lab-panel").querySelector(".sockets-lab-picked input");
  if (!field || map.getAttribute("width") < 256) return; // the legend has small ones
  const box = map.getBoundingClientRect();
  const cell = (part) => Math.max(0, Math.min(255, Math.floor(256 * part)));
  field.value = 256 * cell((event.clientY - box.top) / box.height) + cell((event.clientX - box.left) / box.width);
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function initialize() {
  document.addEventListener("focusin", mark, true);
  document.addEventListener("click", pick);
  return () => {
    document.removeEventListener("focusin", mark, true);
    document.removeEventListener("click", pick);
  };
}

export default { initialize };
