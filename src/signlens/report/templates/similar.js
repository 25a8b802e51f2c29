"use strict";
// Plays the clip and the signs like it together, each sign in the phase that the clip is in.
(() => {
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("data").textContent);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = { body: colour("body"), left_hand: colour("left-hand"), right_hand: colour("right-hand") };
  const frames = data.query.length, wait = 80; // the clip's own rate is not kept
  let frame = 0, timer = 0;

  const tiles = [...document.querySelectorAll("[data-tile]")].map((element) => {
    const canvas = element.querySelector("canvas");
    element.querySelector("svg").remove();
    canvas.hidden = false;
    const sign = element.dataset.tile === "query" ? null : data.tiles[Number(element.dataset.tile)];
    return { canvas, context: canvas.getContext("2d"), points: sign ? sign.points : data.query, sign };
  });

  const at = (flat, i) => (flat[2 * i] === null || flat[2 * i + 1] === null ? null : [flat[2 * i], flat[2 * i + 1]]);

  const lines = (context, flat, ghost) => {
    for (const [a, b, part] of data.limbs) {
      const [from, to] = [at(flat, a), at(flat, b)];
      if (!from || !to) continue;
      context.strokeStyle = ghost ? "#7d8794" : colours[part];
      context.lineWidth = part === "body" ? 12 : 6;
      context.setLineDash(ghost ? [14, 12] : []);
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    }
    context.setLineDash([]);
    const nose = at(flat, 0);
    if (!nose) return;
    context.strokeStyle = ghost ? "#7d8794" : colours.body;
    context.lineWidth = 6;
    context.beginPath();
    context.arc(nose[0], nose[1], 12, 0, 2 * Math.PI);
    context.stroke();
  };

  const draw = () => {
    for (const { canvas, context, points, sign } of tiles) {
      context.clearRect(0, 0, data.side, data.side);
      context.lineCap = "round";
      if (sign && get("over").checked) lines(context, data.query[frame], true);
      lines(context, points[frame], false);
      if (sign && get("marks").checked) {
        context.strokeStyle = "#ffffff";
        context.lineWidth = 5;
        for (const point of sign.marked) {
          const place = at(points[frame], point);
          if (!place) continue;
          context.beginPath();
          context.arc(place[0], place[1], 20, 0, 2 * Math.PI);
          context.stroke();
        }
      }
      canvas.dataset.frame = frame;
    }
    get("scrubber").value = frame;
    get("readout").textContent = `Frame ${frame + 1} of ${frames} of the clip's signing.`;
  };

  const stop = () => { clearTimeout(timer); timer = 0; get("play-label").textContent = "Play"; };
  const step = () => {
    timer = setTimeout(() => { frame = (frame + 1) % frames; draw(); step(); }, frame + 1 < frames ? wait : 6 * wait);
  };
  get("play").addEventListener("click", () => {
    if (timer) return stop();
    get("play-label").textContent = "Pause";
    step();
  });
  get("scrubber").addEventListener("input", (event) => { stop(); frame = Number(event.target.value); draw(); });
  get("marks").addEventListener("change", draw);
  get("over").addEventListener("change", draw);

  // A link to a gloss opens its list.
  const open = () => {
    const target = location.hash.length > 1 && get(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  for (const link of document.querySelectorAll('a[href^="#gloss-"]'))
    link.addEventListener("click", () => setTimeout(open)); // also when it is the address already
  get("player").hidden = false;
  draw();
  open();
})();
