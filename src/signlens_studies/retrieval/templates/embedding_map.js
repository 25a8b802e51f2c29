"use strict";
// Maps of clips: pointing at one plays its skeleton and marks it in every map.
(() => {
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("data").textContent);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = { body: colour("body"), left_hand: colour("left-hand"), right_hand: colour("right-hand") };
  const maps = data.spaces.map((_, number) => get(`map-${number}`));
  const skeleton = get("skeleton"), points = 49, frameSize = points * 2;
  const bytes = Uint8Array.from(atob(data.joints), (c) => c.charCodeAt(0));
  const joints = new DataView(bytes.buffer);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const view = { clip: 0, frame: 0, pinned: false };
  let timer = 0;

  const outline = (c, xy) => {
    for (let i = 0; i < xy.length; i += 2) c[i ? "lineTo" : "moveTo"](xy[i], xy[i + 1]);
    c.closePath();
  };
  const shapes = [
    (c) => c.arc(0, 0, 5, 0, 7),
    (c) => c.rect(-4.5, -4.5, 9, 9),
    (c) => outline(c, [0, -6, 6, 5, -6, 5]),
    (c) => outline(c, [0, -6, 6, 0, 0, 6, -6, 0]),
    (c) => outline(c, [0, 6, 6, -5, -6, -5]),
    (c) => outline(c, [-2, -6, 2, -6, 2, -2, 6, -2, 6, 2, 2, 2, 2, 6, -2, 6, -2, 2, -6, 2, -6, -2, -2, -2]),
    (c) => outline(c, [-6, -3, -3, -6, 0, -3, 3, -6, 6, -3, 3, 0, 6, 3, 3, 6, 0, 3, -3, 6, -6, 3, -3, 0]),
  ];

  // Every map is painted once; what is chosen is drawn over the picture.
  const painted = data.spaces.map((places, number) => {
    const layer = document.createElement("canvas");
    layer.width = maps[number].width;
    layer.height = maps[number].height;
    const c = layer.getContext("2d");
    const order = [...places.keys()].sort((a, b) => data.group[a] - data.group[b]);
    for (const i of order) {
      const group = data.group[i];
      c.save();
      c.translate(places[i][0], places[i][1]);
      c.fillStyle = c.strokeStyle = group < 0 ? "#8d929b" : data.colours[group];
      c.lineWidth = 1.5;
      c.beginPath();
      if (group < 0) c.arc(0, 0, 2.5, 0, 7);
      else shapes[group](c);
      if (data.test[i]) c.stroke();
      else c.fill();
      c.restore();
    }
    return layer;
  });

  const drawMaps = () => {
    maps.forEach((canvas, number) => {
      const c = canvas.getContext("2d"), [x, y] = data.spaces[number][view.clip];
      c.clearRect(0, 0, canvas.width, canvas.height);
      c.drawImage(painted[number], 0, 0);
      c.strokeStyle = "#ffffff";
      c.lineWidth = 2;
      c.beginPath();
      c.arc(x, y, 10, 0, 7);
      c.stroke();
    });
  };

  const drawSkeleton = () => {
    const c = skeleton.getContext("2d"), own = data.skeleton[view.clip];
    c.clearRect(0, 0, skeleton.width, skeleton.height);
    skeleton.dataset.clip = view.clip;
    skeleton.dataset.frame = view.frame;
    get("scrubber").value = view.frame;
    if (own < 0) return;
    const start = (own * data.frames + view.frame) * frameSize;
    const value = (place) => joints.getInt16(2 * (start + place), true);
    const scale = skeleton.width / 4200;
    const at = (p) => {
      const x = value(2 * p), y = value(2 * p + 1);
      return x === data.missing ? null : [skeleton.width / 2 + scale * x, skeleton.height * 0.3 + scale * y];
    };
    c.lineCap = "round";
    const nose = at(0);
    if (nose) {
      c.fillStyle = colours.body;
      c.beginPath();
      c.arc(nose[0], nose[1], 5, 0, 7);
      c.fill();
    }
    for (const [a, b, part] of data.limbs) {
      const from = at(a), to = at(b);
      if (!from || !to) continue;
      c.strokeStyle = colours[part];
      c.lineWidth = part === "body" ? 4 : 2;
      c.beginPath();
      c.moveTo(from[0], from[1]);
      c.lineTo(to[0], to[1]);
      c.stroke();
    }
  };

  const stop = () => { clearTimeout(timer); timer = 0; get("play-label").textContent = "Play"; };
  const step = () => {
    timer = setTimeout(() => { view.frame = (view.frame + 1) % data.frames; drawSkeleton(); step(); },
      view.frame === data.frames - 1 ? 400 : 70);
  };
  const play = () => { stop(); get("play-label").textContent = "Pause"; step(); };

  const choose = (clip, move) => {
    if (clip === view.clip && !move) return;
    view.clip = clip;
    view.frame = still ? Math.floor(data.frames / 2) : 0;
    const group = data.group[clip];
    const told = [data.glosses[data.gloss[clip]], data.clips[clip], data.test[clip] ? "test clip" : "training clip"];
    if (group >= 0 && data.groups[group] !== told[0]) told.splice(1, 0, data.groups[group]);
    if (data.skeleton[clip] < 0) told.push("its skeleton is not in this page");
    get("readout").textContent = told.join(" · ");
    get("gloss").value = data.gloss[clip];
    drawMaps();
    drawSkeleton();
    if (!still) play();
  };

  const nearest = (number, event) => {
    const canvas = maps[number], box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * canvas.width;
    const y = ((event.clientY - box.top) / box.height) * canvas.height;
    let best = -1, least = 14 * 14;
    data.spaces[number].forEach(([px, py], i) => {
      const apart = (px - x) ** 2 + (py - y) ** 2;
      if (apart < least) { least = apart; best = i; }
    });
    return best;
  };
  maps.forEach((canvas, number) => {
    canvas.addEventListener("pointermove", (event) => {
      const clip = nearest(number, event);
      canvas.style.cursor = clip < 0 ? "default" : "pointer";
      if (clip >= 0 && !view.pinned) choose(clip);
    });
    canvas.addEventListener("click", (event) => {
      const clip = nearest(number, event);
      view.pinned = clip >= 0 && !(view.pinned && clip === view.clip);
      if (clip >= 0) choose(clip);
    });
  });

  const alike = () => [...data.gloss.keys()].filter((i) => data.gloss[i] === data.gloss[view.clip]);
  const turn = (by) => {
    const own = alike();
    view.pinned = true;
    choose(own[(own.indexOf(view.clip) + by + own.length) % own.length], true);
  };
  get("previous").addEventListener("click", () => turn(-1));
  get("next").addEventListener("click", () => turn(1));
  get("gloss").addEventListener("change", (event) => {
    view.pinned = true;
    choose(data.gloss.indexOf(Number(event.target.value)), true);
  });
  get("play").addEventListener("click", () => (timer ? stop() : play()));
  get("scrubber").max = data.frames - 1;
  get("scrubber").addEventListener("input", (event) => { stop(); view.frame = Number(event.target.value); drawSkeleton(); });
  get("maps").hidden = false;
  choose(0, true);
})();
