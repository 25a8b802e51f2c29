(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const $ = (id) => document.getElementById(id);
  const EXPRESSIONS = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt"];
  const PARTS = ["body", "face", "left_hand", "right_hand"];
  const RANGES = { body: [0, 23], face: [23, 91], left_hand: [91, 112], right_hand: [112, 133] };
  const POINTS = 133;
  const FAINT = 30; // hundredths of confidence below which a point is drawn faint
  const style = getComputedStyle(document.documentElement);
  const colour = {};
  for (const part of PARTS) colour[part] = style.getPropertyValue("--" + part.replace("_", "-")).trim();

  function unpack(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return new Int16Array(bytes.buffer);
  }

  // One frame's skeleton. Left-hand joints are discs, right-hand joints squares, face lines dashed.
  function drawSkeleton(context, keypoints, frame, shown, unit) {
    const offset = frame * POINTS * 3;
    const x = (p) => keypoints[offset + 3 * p] / data.fixedPoint;
    const y = (p) => keypoints[offset + 3 * p + 1] / data.fixedPoint;
    const confidence = (p) => keypoints[offset + 3 * p + 2];
    // The face's own 68 points say more of the head than the body's five.
    const [firstOfFace, lastOfFace] = RANGES.face;
    let face = false;
    for (let p = firstOfFace; p < lastOfFace && shown.face; p++) face = face || confidence(p) > 0;
    const spared = (p) => face && p < data.headPoints;
    context.lineCap = "round";
    for (const part of PARTS) {
      if (!shown[part]) continue;
      const width = (part === "face" ? 1.1 : part === "body" ? 2.6 : 2) * unit;
      for (const [faint, alpha] of [[true, 0.28], [false, 1]]) {
        const lines = new Path2D();
        for (const [a, b] of data.limbs[part]) {
          const least = Math.min(confidence(a), confidence(b));
          if (least <= 0 || (least < FAINT) !== faint || (spared(a) && spared(b))) continue;
          lines.moveTo(x(a), y(a));
          lines.lineTo(x(b), y(b));
        }
        context.globalAlpha = alpha * (part === "face" ? 0.55 : 0.75);
        context.strokeStyle = "#0b0d11"; // a dark edge keeps the lines visible on any picture
        context.lineWidth = width + 2 * unit;
        context.setLineDash([]);
        context.stroke(lines);
        context.globalAlpha = alpha;
        context.strokeStyle = colour[part];
        context.lineWidth = width;
        if (part === "face") context.setLineDash([2.5 * unit, 2 * unit]);
        context.stroke(lines);
        context.setLineDash([]);
      }
      if (part === "face") continue;
      const [first, last] = RANGES[part];
      const radius = (part === "body" ? 2.4 : 2.2) * unit;
      context.fillStyle = colour[part];
      for (let p = first; p < last; p++) {
        if (confidence(p) <= 0 || spared(p)) continue;
        context.globalAlpha = confidence(p) < FAINT ? 0.28 : 1;
        context.beginPath();
        if (part === "right_hand") context.rect(x(p) - radius, y(p) - radius, 2 * radius, 2 * radius);
        else context.arc(x(p), y(p), radius, 0, 2 * Math.PI);
        context.fill();
      }
      context.globalAlpha = 1;
    }
  }

  // Sharp on dense screens: the canvas has device pixels, the drawing keeps the page's.
  function sharpen(canvas, width, height) {
    const density = Math.min(2, Math.max(1, window.devicePixelRatio || 1));
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const context = canvas.getContext("2d");
    context.scale(density, density);
    return context;
  }

  function indexAt(times, t) {
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= t + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // How long the last frame stays: as long as frames stay on average.
  function lastHold(times) {
    return times.length > 1 ? (times[times.length - 1] - times[0]) / (times.length - 1) : 0.04;
  }

  function startPlayer(player) {
    const { times, numbers, width, height } = player;
    const keypoints = player.keypoints === null ? null : unpack(player.keypoints);
    const canvas = $("canvas");
    const context = sharpen(canvas, width, height);
    const scrubber = $("scrubber");
    const pictures = player.pictures.map((source) => {
      const picture = new Image();
      picture.src = source;
      return picture;
    });
    const shown = { picture: true, body: true, left_hand: true, right_hand: true, face: true };
    const last = times.length - 1;
    let current = 0;
    let playing = false;
    let started = 0; // clock reading, in ms, at which the clip's time was `from`
    let from = 0;
    let announcement = 0;

    function draw() {
      context.clearRect(0, 0, width, height);
      const picture = pictures[current];
      if (picture && shown.picture) {
        if (picture.complete) context.drawImage(picture, 0, 0, width, height);
        else picture.decode().then(draw, () => undefined);
      }
      if (keypoints !== null) drawSkeleton(context, keypoints, current, shown, Math.max(width, height) / 480);
    }

    function show(index) {
      current = Math.min(last, Math.max(0, index));
      const t = times[current];
      const text = `Frame ${numbers[current]} of ${player.total}`;
      scrubber.value = String(current);
      scrubber.setAttribute("aria-valuetext", `${text}, ${t.toFixed(2)} seconds`);
      $("frame-readout").textContent = text;
      $("time-readout").textContent = `${t.toFixed(2)} s`;
      canvas.dataset.frame = String(current);
      moveCursor(t);
      draw();
    }

    // Said once the person has stopped stepping, and never while the clip plays.
    function announce() {
      clearTimeout(announcement);
      announcement = setTimeout(() => {
        if (!playing) $("announcer").textContent = scrubber.getAttribute("aria-valuetext");
      }, 600);
    }

    const speed = () => Number($("speed").value);

    function tick(now) {
      if (!playing) return;
      const t = from + ((now - started) / 1000) * speed();
      if (t >= times[last] + lastHold(times)) {
        if (!$("loop").checked) {
          show(last);
          setPlaying(false);
          return;
        }
        from = times[0];
        started = now;
        show(0);
      } else {
        const index = indexAt(times, t);
        if (index !== current) show(index);
      }
      requestAnimationFrame(tick);
    }

    function setPlaying(value) {
      playing = value && last > 0;
      $("play").classList.toggle("playing", playing);
      $("play-label").textContent = playing ? "Pause" : "Play";
      if (!playing) return;
      if (current === last) show(0);
      from = times[current];
      started = performance.now();
      requestAnimationFrame(tick);
    }

    function seek(index) {
      setPlaying(false);
      show(index);
      announce();
    }

    $("play").addEventListener("click", () => setPlaying(!playing));
    $("previous").addEventListener("click", () => seek(current - 1));
    $("next").addEventListener("click", () => seek(current + 1));
    // The slider speaks its own value; the live region would say it twice.
    scrubber.addEventListener("input", () => {
      setPlaying(false);
      show(Number(scrubber.value));
    });
    $("speed").addEventListener("change", () => {
      from = times[current];
      started = performance.now();
    });
    for (const box of document.querySelectorAll("[data-layer]")) {
      box.addEventListener("change", () => {
        shown[box.dataset.layer] = box.checked;
        draw();
      });
      shown[box.dataset.layer] = box.checked; // a reloaded page keeps its boxes
    }
    $("player").addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target;
      const step = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: last };
      if (target.tagName === "SELECT") return;
      if (event.key === " ") {
        if (target.tagName === "BUTTON" || target.type === "checkbox") return;
        setPlaying(!playing);
      } else if (event.key in step) {
        if (target === scrubber) return;
        seek(step[event.key]);
      } else {
        return;
      }
      event.preventDefault();
    });
    const track = document.querySelector(".cursor-track");
    if (track !== null) {
      const toTime = (event) => {
        const box = track.getBoundingClientRect();
        const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
        setPlaying(false);
        show(indexAt(times, share * data.duration));
      };
      track.addEventListener("pointerdown", (event) => {
        track.setPointerCapture(event.pointerId);
        toTime(event);
      });
      track.addEventListener("pointermove", (event) => {
        if (event.buttons > 0) toTime(event);
      });
    }
    stopPlayer = () => setPlaying(false);
    $("player").hidden = false;
    show(0);
  }

  // The timeline's cursor and the words under it follow the player.
  function moveCursor(t) {
    if (!data.series || data.series.times.length === 0) return;
    const cursor = $("cursor");
    cursor.hidden = false;
    cursor.style.left = `${(100 * t) / Math.max(data.duration, 1e-6)}%`;
    const times = data.series.times;
    let nearest = indexAt(times, t);
    if (nearest + 1 < times.length && times[nearest + 1] - t < Math.abs(t - times[nearest])) nearest += 1;
    const readout = $("expression-readout");
    readout.hidden = false;
    if (Math.abs(times[nearest] - t) > Math.max(0.3 * data.series.gap, 0.03)) {
      readout.textContent = "At the cursor: no face seen";
      return;
    }
    const values = data.series.values[nearest];
    const best = values.indexOf(Math.max(...values));
    readout.textContent = `At the cursor: ${EXPRESSIONS[best]}, ${Math.round(100 * values[best])} %`;
  }

  let stopPlayer = () => undefined;

  function startTiles() {
    const size = data.tileSize;
    const everything = { body: true, face: true, left_hand: true, right_hand: true };
    const tiles = [];
    for (const button of document.querySelectorAll("[data-tile]")) {
      const animation = data.tiles[Number(button.dataset.tile)];
      if (!animation) continue;
      const context = sharpen(button.querySelector("canvas"), size, size);
      const keypoints = unpack(animation.keypoints);
      const times = animation.times;
      const tile = { button, playing: false, started: 0, shown: -1 };
      tile.draw = (index) => {
        if (index === tile.shown) return;
        tile.shown = index;
        context.clearRect(0, 0, size, size);
        drawSkeleton(context, keypoints, index, everything, 0.75);
      };
      tile.tick = (now) => {
        if (!tile.playing) return;
        const length = times[times.length - 1] + lastHold(times) + 0.4; // a breath between repeats
        tile.draw(indexAt(times, ((now - tile.started) / 1000) % length));
        requestAnimationFrame(tile.tick);
      };
      tile.set = (playing) => {
        if (playing === tile.playing) return;
        tile.playing = playing;
        button.setAttribute("aria-pressed", String(playing));
        if (!playing) return;
        tile.started = performance.now();
        requestAnimationFrame(tile.tick);
      };
      button.addEventListener("click", () => {
        tile.set(!tile.playing);
        showAll();
      });
      button.hidden = false;
      tile.draw(times.length >> 1);
      tiles.push(tile);
    }
    const all = $("play-tiles");
    const showAll = () => {
      const some = tiles.some((tile) => tile.playing);
      all.textContent = some ? "Stop all" : "Play all";
    };
    if (tiles.length === 0) return;
    all.hidden = false;
    all.addEventListener("click", () => {
      const play = !tiles.some((tile) => tile.playing);
      for (const tile of tiles) tile.set(play);
      showAll();
    });
  }

  if (data.player !== null) startPlayer(data.player);
  startTiles();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stopPlayer();
  });
})();
