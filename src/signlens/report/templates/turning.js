"use strict";
// Draws the skeleton from where the reader looks: turned about the vertical, then tipped.
(() => {
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("data").textContent);
  const canvas = get("canvas"), stage = get("stage"), context = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = { body: colour("body"), left_hand: colour("left-hand"), right_hand: colour("right-hand") };
  const scale = canvas.width / 3200; // points are in thousandths of a shoulder width
  const view = { turn: 0, tip: 0, frame: 0 };
  let timer = 0;

  const place = ([x, y, z]) => {
    const [ct, st, cp, sp] = [Math.cos(view.turn), Math.sin(view.turn), Math.cos(view.tip), Math.sin(view.tip)];
    const across = ct * x + st * z, away = ct * z - st * x;
    return [canvas.width / 2 + scale * across, canvas.height * 0.38 + scale * (cp * y - sp * away), sp * y + cp * away];
  };

  const draw = () => {
    const points = data[get("corrected").checked ? "after" : "before"][view.frame].map((p) => p && place(p));
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.lineCap = "round";
    const lines = data.limbs.filter(([a, b]) => points[a] && points[b]);
    const depth = ([a, b]) => points[a][2] + points[b][2];
    lines.sort((one, other) => depth(other) - depth(one)); // far ones first
    for (const [a, b, part] of lines) {
      context.strokeStyle = colours[part];
      context.lineWidth = part === "body" ? 5 : 2.5;
      context.beginPath();
      context.moveTo(points[a][0], points[a][1]);
      context.lineTo(points[b][0], points[b][1]);
      context.stroke();
    }
    canvas.dataset.frame = view.frame;
    const degrees = (angle) => Math.round((angle * 180) / Math.PI);
    get("readout").textContent =
      `Seen from ${degrees(view.turn)}° around, ${degrees(view.tip)}° above. ` +
      `Frame ${view.frame + 1} of ${data.times.length}.`;
    get("scrubber").value = view.frame;
  };

  const look = (turn, tip) => {
    view.turn = Math.atan2(Math.sin(turn), Math.cos(turn));
    view.tip = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, tip));
    draw();
  };
  const stop = () => { clearTimeout(timer); timer = 0; get("play-label").textContent = "Play"; };
  const step = () => {
    const next = (view.frame + 1) % data.times.length;
    const wait = next ? data.times[next] - data.times[view.frame] : 0.5;
    timer = setTimeout(() => { view.frame = next; draw(); step(); }, 1000 * wait);
  };

  get("play").addEventListener("click", () => {
    if (timer) return stop();
    get("play-label").textContent = "Pause";
    step();
  });
  get("scrubber").addEventListener("input", (event) => { stop(); view.frame = Number(event.target.value); draw(); });
  get("corrected").addEventListener("change", draw);
  get("front").addEventListener("click", () => look(0, 0));
  get("side").addEventListener("click", () => look(Math.PI / 2, 0));
  get("above").addEventListener("click", () => look(0, Math.PI / 2));
  stage.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    look(view.turn + (move[0] * Math.PI) / 36, view.tip + (move[1] * Math.PI) / 36);
  });
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const pace = Math.PI / canvas.clientWidth;
    look(view.turn + event.movementX * pace, view.tip + event.movementY * pace);
  });
  canvas.style.touchAction = "none";
  get("player").hidden = false;
  draw();
})();
