// Sends the photograph and the settings that were moved, and draws each x_t when it arrives.
const CHANGE = 0.25; // |x_t − x_0| of the last colour
const LEVELS = 65535; // of a map that is sent, from 0 to the limit of its column
const WAIT = 200; // ms after the last movement of a slider
const LARGEST = 64 * 2 ** 20; // bytes of a photograph, as the server takes them
const PLACES = ["step_size", "energy.weight", "max_steps", "stop"]; // settings of the descent
const RED = [230, 30, 40], BLUE = [110, 215, 255]; // lines around what is above the threshold
const get = (id) => document.getElementById(id);
const short = (value) => (value === 0 ? "0" : String(Number(value.toPrecision(3))));

const state = { job: null, file: null, moved: {}, frames: [], start: null, end: null, follows: true, reading: null };

// matplotlib's inferno at 16 places, with straight lines between them
const INFERNO = ["000004", "0c0826", "240c4f", "420a68", "5d126e", "781c6d", "932667", "ae305c", "c73e4c", "dd513a", "ed6925", "f8850f", "fca50a", "fac62d", "f2e661", "fcffa4"]
  .map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const TABLE = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (INFERNO.length - 1), low = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[low].map((value, at) => value + (INFERNO[low + 1][at] - value) * (place - low));
});
const colour = (share) => TABLE[Math.round(255 * Math.min(1, Math.max(0, share)))];

const column = () => state.job.columns[get("column").value];
const threshold = () => state.moved.threshold ?? column().threshold;
const touched = () => PLACES.filter((place) => place in state.moved);

function bytes(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

function decoded(event) {
  const x = bytes(event.x), map = bytes(event.map);
  return { ...event, x, map: new Uint16Array(map.buffer) };
}

// ---- pictures

function paint(canvas, pixel) {
  const { side, wide } = state.start;
  canvas.width = canvas.height = side;
  canvas.style.aspectRatio = wide;
  const context = canvas.getContext("2d"), image = context.createImageData(side, side);
  for (let at = 0; at < side * side; at++) {
    image.data.set([...pixel(at), 255], 4 * at);
  }
  context.putImageData(image, 0, 0);
}

function rgb(values, at) {
  const channels = state.start.channels;
  return channels === 1 ? [values[at], values[at], values[at]] : [values[3 * at], values[3 * at + 1], values[3 * at + 2]];
}

function difference(one, other, at) {
  const channels = state.start.channels;
  let sum = 0;
  for (let channel = 0; channel < channels; channel++) {
    sum += Math.abs(one[channels * at + channel] - other[channels * at + channel]);
  }
  return sum / (255 * channels);
}

// Pixels at the border of what is above the threshold.
function border(map) {
  const side = state.start.side, cut = (threshold() / column().limit) * LEVELS;
  const above = (row, place) => row >= 0 && place >= 0 && row < side && place < side && map[row * side + place] > cut;
  return (at) => {
    const row = Math.floor(at / side), place = at % side;
    if (above(row, place)) return false;
    return above(row - 1, place) || above(row + 1, place) || above(row, place - 1) || above(row, place + 1);
  };
}

function bar(canvas, mark) {
  canvas.width = 256;
  canvas.height = 8;
  const context = canvas.getContext("2d");
  for (let at = 0; at < 256; at++) {
    context.fillStyle = `rgb(${colour(at / 255).map(Math.round).join()})`;
    context.fillRect(at, 0, 1, 8);
  }
  if (mark !== undefined) {
    context.fillStyle = "#fff";
    context.fillRect(256 * mark - 2, 0, 4, 8);
    context.fillStyle = `rgb(${RED.join()})`;
    context.fillRect(256 * mark - 1, 0, 2, 8);
  }
}

function draw() {
  const limit = column().limit;
  bar(get("map-bar"), Math.min(1, threshold() / limit));
  get("limit").textContent = `≥ ${short(limit)}`;
  get("cut").textContent = `threshold ${short(threshold())}`;
  const frame = state.frames[Number(get("time").value)];
  if (!frame) return;
  const outlined = border(frame.map), x0 = state.start.x0;
  paint(get("x0"), (at) => (outlined(at) ? RED : rgb(x0, at)));
  paint(get("x"), (at) => rgb(frame.x, at));
  paint(get("difference"), (at) => colour(difference(frame.x, x0, at) / CHANGE));
  paint(get("map"), (at) => (outlined(at) ? BLUE : colour(frame.map[at] / LEVELS)));
  document.querySelector(".outline").hidden = !frame.map.some((value) => value > (threshold() / limit) * LEVELS);
  get("when").textContent = frame.t === null ? "f(x₀), in place of xₜ" : `xₜ, t = ${frame.t}`;
  get("time-out").textContent = frame.t ?? 0;
  chart(frame);
}

// ---- the energy

function node(name, values, text) {
  const found = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(values)) found.setAttribute(key, value);
  if (text !== undefined) found.textContent = text;
  get("energy").append(found);
}

function chart(frame) {
  const svg = get("energy"), steps = state.frames.filter((one) => one.energy);
  svg.replaceChildren();
  const width = svg.clientWidth || 600, height = svg.clientHeight || 190, left = 58, right = 78, top = 14, bottom = 30;
  if (!steps.length) {
    node("text", { x: 20, y: 30 }, state.frames.length ? "no descent: choose another column" : "");
    return;
  }
  const stop = state.moved.stop ?? column().settings.stop;
  const all = steps.flatMap((one) => [...one.energy, ...one.loss]).filter((value) => value !== null);
  const known = stop === null ? all : [...all, stop];
  let low = Math.min(...known), high = Math.max(...known);
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  low -= pad; high += pad;
  const last = Math.max(1, steps.at(-1).t);
  const across = (t) => left + ((width - left - right) * t) / last;
  const up = (value) => height - bottom - ((height - top - bottom) * (value - low)) / (high - low);
  node("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "axis" });
  for (const share of [0.06, 0.5, 0.94]) {
    const value = low + (high - low) * share;
    node("text", { x: left - 8, y: up(value) + 4, "text-anchor": "end" }, short(value));
  }
  for (const t of new Set(steps.length > 1 ? [0, Math.round(last / 2), last] : [0])) {
    node("text", { x: across(t), y: height - 10, "text-anchor": "middle" }, `t = ${t}`);
  }
  const tiles = steps[0].energy.length;
  for (const [name, key] of [["total", "energy"], ["loss", "loss"]]) {
    for (let tile = 0; tile < tiles; tile++) {
      const points = steps.filter((one) => one[key][tile] !== null).map((one) => `${across(one.t)},${up(one[key][tile])}`);
      const opacity = tiles > 1 ? 0.45 : 1, [x, y] = points.length ? points.at(-1).split(",") : [-9, -9];
      node("polyline", { points: points.join(" "), class: name, opacity });
      node("circle", { cx: x, cy: y, r: 2.5, class: name, opacity }); // a descent may have no step
    }
  }
  const end = steps.at(-1), shown = (values) => Math.max(...values.filter((value) => value !== null));
  let [total, loss] = [up(shown(end.energy)), up(shown(end.loss))];
  if (Math.abs(total - loss) < 14) [total, loss] = [Math.min(total, loss) - 7, Math.min(total, loss) + 8];
  node("text", { x: width - right + 8, y: total + 4, class: "total" }, "E");
  node("text", { x: width - right + 8, y: loss + 4, class: "loss" }, "Lᵣ");
  if (stop !== null) {
    node("line", { x1: left, x2: width - right, y1: up(stop), y2: up(stop), class: "stop" });
    node("text", { x: width - right + 26, y: up(stop) + 4, class: "stop-label" }, `T ${short(stop)}`);
  }
  if (frame.energy) node("line", { x1: across(frame.t), x2: across(frame.t), y1: top, y2: height - bottom, class: "now" });
  get("energy-title").textContent = `Energy by step: E and its part Lᵣ${tiles > 1 ? `, of each of ${tiles} tiles` : ""}${stop === null ? "" : "; the descent ends when Lᵣ is below T"}`;
}

// ---- the decision in words

function say(kind, verdict, reason, promise = "") {
  get("decision").dataset.state = kind;
  get("verdict").textContent = verdict;
  get("reason").textContent = reason;
  get("promise").textContent = promise;
}

function decide() {
  const { end, frames } = state, own = column();
  if (!end) return;
  if (end.score === null) return say("error", "Not possible", "The score is not finite: take a smaller α.");
  const cut = threshold(), defective = end.score > cut, steps = frames.at(-1).t;
  const sign = defective ? "above" : "not above";
  let reason = `The score is ${exact(end.score, cut)}, ${sign} the threshold ${exact(cut, end.score)}.`;
  const stop = state.moved.stop ?? own.settings.stop ?? -Infinity;
  if (steps === 0 && frames[0].loss.every((loss) => loss < stop)) reason += " Lᵣ is below T from the start: nothing was moved.";
  else if (steps !== null) reason += ` The descent took ${steps} step${steps === 1 ? "" : "s"}.`;
  if (end.diverged) reason += " Its energy became infinite: take a smaller α.";
  say(defective ? "defective" : "normal", defective ? "Defective" : "Not defective", reason, promise(own, cut, end));
}

// Two numbers that differ are printed differently.
function exact(value, other) {
  for (let digits = 3; digits < 17; digits++) {
    if (value === other || value.toPrecision(digits) !== other.toPrecision(digits)) return String(Number(value.toPrecision(digits)));
  }
  return String(value);
}

function promise(own, cut, end) {
  if (touched().length) return "These are not the settings of the job: its threshold and what that promises do not hold for them.";
  if ("threshold" in state.moved) {
    const above = own.good.filter((score) => score > cut).length;
    return `Your threshold promises nothing: ${above} of the job's ${own.good.length} good images are above it.`;
  }
  return `p = ${short(end.p)}: the share of good images that score as high. Promise of the threshold: ${own.promise}.`;
}

// ---- the stream

async function run() {
  state.reading?.abort();
  if (!state.file) return;
  if (state.file.size > LARGEST) return say("error", "Too large", "The photograph has more than 64 MiB: make it smaller.");
  const reading = (state.reading = new AbortController());
  const query = new URLSearchParams({ column: get("column").value });
  for (const place of touched()) query.set(place, state.moved[place]);
  say("running", "…", "The photograph is read.");
  try {
    const answer = await fetch(`descend?${query}`, { method: "POST", body: state.file, signal: reading.signal });
    if (!answer.ok) {
      const kind = answer.headers.get("content-type") ?? "";
      return say("error", "Not possible", kind.includes("json") ? (await answer.json()).error : await answer.text());
    }
    Object.assign(state, { frames: [], end: null, follows: true });
    const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", part = await text.read(); !part.done; part = await text.read()) {
      const events = (rest + part.value).split("\n\n");
      rest = events.pop();
      for (const event of events) take(JSON.parse(event.slice("data: ".length)));
    }
    if (get("decision").dataset.state === "running") say("error", "No answer", "renormal-view has ended, or failed: its terminal says why.");
  } catch (error) {
    if (error.name !== "AbortError") say("error", "No answer", "renormal-view does not answer: has it ended?");
  }
}

function take(event) {
  if (event.kind === "start") {
    state.start = { ...event, x0: bytes(event.x0) };
  } else if (event.kind === "step") {
    state.frames.push(decoded(event));
    say("running", "…", `Step ${event.t} of at most ${state.moved.max_steps ?? column().settings.max_steps}.`);
    show();
  } else if (event.kind === "end") {
    const last = decoded(event);
    if (state.frames.length) Object.assign(state.frames.at(-1), { x: last.x, map: last.map });
    else state.frames.push({ ...last, t: null });
    state.end = event;
    show();
    decide();
  } else if (event.kind === "replaced") {
    say("error", "Interrupted", "Another page of this renormal-view has begun a descent.");
  } else if (event.kind === "error") {
    say("error", "Not possible", event.line);
  }
}

// The newest frame, unless an earlier one was chosen with the slider. At most one drawing for each frame of the screen.
let drawing = false;
function show() {
  get("time").max = Math.max(0, state.frames.length - 1);
  if (state.follows) get("time").value = get("time").max;
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

// ---- settings

function ranges(place, value) {
  if (place === "threshold") return [0, column().limit];
  if (place === "step_size") return [value / 20, value * 4];
  if (place === "energy.weight") return [0, Math.max(1, 4 * value)];
  if (place === "max_steps") return [0, Math.max(100, 2 * value)];
  return [0, 3 * value || 100];
}

function settle() {
  for (const row of document.querySelectorAll("[data-place]")) {
    const place = row.dataset.place, own = column(), value = place === "threshold" ? own.threshold : own.settings[place];
    row.hidden = value === null || value === undefined;
    row.classList.toggle("moved", place in state.moved);
    if (row.hidden) continue;
    const [range, number] = row.querySelectorAll("input"), [low, high] = ranges(place, value);
    const now = state.moved[place] ?? value, whole = place === "max_steps";
    Object.assign(range, { min: low, max: high, step: whole ? 1 : (high - low) / 400, value: now });
    Object.assign(number, { min: 0, step: whole ? 1 : "any", value: whole ? now : short(now) });
  }
  const none = column().projection === null;
  get("time-row").hidden = none;
  get("hint").textContent = none ? "This column compares x₀ with f(x₀), without a descent." : "";
  draw();
}

let later = 0;
function move(place, text) {
  const value = Number(text), typed = text.trim() !== "" && Number.isFinite(value) && value >= 0;
  if (!typed || (place === "step_size" && value === 0)) return;
  state.moved[place] = place === "max_steps" ? Math.round(value) : value;
  if (place === "threshold") { settle(); return decide(); }
  settle();
  clearTimeout(later);
  later = setTimeout(run, WAIT);
}

function choose(file) {
  if (!file) return;
  state.file = file;
  run();
}

async function begin() {
  state.job = await (await fetch("job")).json();
  get("title").textContent = `${state.job.category}: watch a photograph become normal`;
  document.title = `${state.job.category} · renormal-view`;
  for (const name of Object.keys(state.job.columns)) get("column").append(new Option(name, name));
  get("column").value = state.job.first;
  bar(document.querySelector("[data-top]"));
  settle();
  for (const row of document.querySelectorAll("[data-place]")) {
    for (const input of row.querySelectorAll("input")) {
      input.addEventListener(input.type === "range" ? "input" : "change", () => move(row.dataset.place, input.value));
    }
  }
  get("column").addEventListener("change", () => { state.moved = {}; state.frames = []; state.end = null; settle(); run(); });
  get("reset").addEventListener("click", () => { const again = touched().length; state.moved = {}; settle(); again ? run() : decide(); });
  get("time").addEventListener("input", () => { state.follows = get("time").value === get("time").max; draw(); });
  get("file").addEventListener("change", (event) => choose(event.target.files[0]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      document.body.classList.toggle("over", kind === "dragover");
      if (kind === "drop") choose(event.dataTransfer.files[0]);
    });
  }
  window.addEventListener("resize", draw);
}

begin();
