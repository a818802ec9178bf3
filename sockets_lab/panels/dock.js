// The inspector's place on the page: outside the notebook, so that it stays while the notebook is scrolled and run.
// It makes room for itself: the page becomes as much narrower as the inspector is wide.
const SPOKEN = 2000; // milliseconds from one announcement to the next
const NARROW = "36px";

function make(tag, text, more = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(more)) node.setAttribute(name, value);
  return node;
}

function initialize({ model }) {
  document.querySelectorAll(".sockets-lab-inspector").forEach((one) => one.giveUp?.());
  const dock = make("section", "", { class: "sockets-lab-inspector", "aria-label": "Socket inspector" });
  dock.append(make("style", model.get("style")));

  // What a keyboard meets, in this order
  const fold = make("button", "", { type: "button", "aria-expanded": "true" });
  const move = make("button", "", { type: "button" });
  const close = make("button", "Close", { type: "button", title: "Close the inspector" });
  const head = make("header", "");
  head.append(make("h2", "Sockets"), fold, move, close);
  const all = make("input", "", { type: "checkbox" });
  const label = make("label", "");
  label.append(all, " Jupyter's own too");
  const summary = make("p", "", { class: "summary" });
  const table = make("table", "", { "aria-label": "Sockets of this kernel, the newest first" });
  const scrolled = make("div", "", { class: "scrolled", tabindex: "0", role: "group", "aria-label": "Table of sockets" });
  scrolled.append(table);
  const said = make("p", "", { class: "said", "aria-live": "polite", role: "status" });
  const body = make("div", "", { class: "body" });
  body.append(make("p", model.get("title"), { class: "title" }), label, summary, scrolled);
  dock.append(head, body, said);
  document.body.append(dock);

  let folded = false, side = "right";
  function place() {
    const width = folded ? NARROW : "clamp(330px, 32vw, 420px)";
    dock.classList.toggle("folded", folded);
    dock.style.width = width;
    dock.style.left = side === "left" ? "0" : "auto";
    dock.style.right = side === "right" ? "0" : "auto";
    fold.textContent = folded ? "Show" : "Fold";
    fold.title = folded ? "Show the inspector" : "Fold the inspector to the edge";
    fold.setAttribute("aria-expanded", String(!folded));
    move.textContent = side === "right" ? "To the left" : "To the right";
    room(side, width);
  }
  function room(side, width) {
    const page = document.getElementById("main"); // JupyterLab's and Notebook's whole page
    if (!page) return;
    page.style.left = side === "left" ? width : "";
    page.style.right = side === "right" ? width : "";
    page.style.width = side ? "auto" : "";
    window.dispatchEvent(new Event("resize"));
  }
  fold.onclick = () => { folded = !folded; place(); };
  move.onclick = () => { side = side === "right" ? "left" : "right"; place(); };
  all.onchange = () => { model.send({ everything: all.checked }); };
  close.onclick = () => { model.send({ closed: true }); giveUp(); };

  let waiting = [], speaking = null;
  function speak() {
    speaking = null;
    if (!waiting.length) return;
    said.textContent = waiting.length <= 4 ? waiting.join(" ") : `Many changes. ${model.get("summary")}`;
    waiting = [];
    speaking = setTimeout(speak, SPOKEN);
  }
  function draw() {
    table.innerHTML = model.get("table");
    summary.textContent = model.get("summary");
    all.checked = model.get("everything");
    waiting.push(...model.get("news"));
    if (!speaking) speak();
  }
  let gone = false;
  function giveUp() {
    if (gone) return;
    gone = true;
    clearTimeout(speaking);
    dock.remove();
    room("", "");
  }
  dock.giveUp = giveUp;
  model.on("change:drawn", draw);
  // A kernel that was restarted or is gone takes its view with it; a connection that comes back brings it back.
  model.on("comm_live_update", async () => {
    const whole = await model.widget_manager.get_model(model.get("key"));
    if (!whole.comm_live) giveUp();
    else if (gone) { gone = false; document.body.append(dock); place(); draw(); }
  });
  place();
  draw();
  return giveUp; // the kernel closed it, or its notebook was closed
}

export default { initialize };
