// speech.js -- the page of speech: asks the server to speak, draws the wave with its words and marks, plays it.
//
// The sound comes as plain samples and is drawn as it comes; marks come by a second request for the same text, which
// is spoken alike.

const RATE = 16000;
const SHORTEST_PX = 140; // of a second
const CANVAS_PX = 30000;
const EXAMPLE = "Good evening. The harbour bridge opened this morning, three months ahead of schedule.\n" +
  "It cost $12.5 million, and carries 40,000 cars a day.";

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const voices = new Map();
const now = { samples: new Float32Array(0), marks: [], perSecond: SHORTEST_PX, asked: null, run: 0, url: null, due: 0 };

function h(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return e;
}

// How it stands: "up", "down" (the server), or "" for what is the text's fault alone.
function tell(how, text) {
  $("state").className = how;
  $("state-text").textContent = text;
}

// ---- asking

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
    .catch(() => { throw Object.assign(new Error("The server does not answer."), { code: "down" }); });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const error = new Error(told.message ?? `The server answered ${answer.status}`);
  error.code = told.error?.code;
  throw error;
}

function isSsml() {
  const type = $("type").value;
  return type === "ssml" || (type === "auto" && $("text").value.trimStart().startsWith("<speak"));
}

function wish() {
  const body = { Text: $("text").value, TextType: $("type").value, VoiceId: $("voice").value };
  if ($("style").value) body.Style = $("style").value;
  if ($("telephone").checked) body.Telephone = true;
  return body;
}

function problem(error) {
  $("problem").hidden = !error;
  $("problem").replaceChildren();
  $("text").toggleAttribute("aria-invalid", Boolean(error));
  if (!error) return;
  $("problem").append(error.message);
  if (error.code !== "TextLengthExceededException") return;
  $("problem").append(" — ", h("button", { type: "button", onclick: startTask }, "Speak it as a task"));
}

// ---- the sound as it comes

function toFloats(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength & ~1), out = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < out.length; i++) out[i] = view.getInt16(2 * i, true) / 32768;
  return out;
}

function join(a, b) {
  const out = new Float32Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

async function readSound(answer, run, began) {
  const reader = answer.body.getReader();
  let rest = new Uint8Array(0), first = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || run !== now.run) return first;
    if (!first) first = performance.now() - began;
    const bytes = new Uint8Array(rest.length + value.length);
    bytes.set(rest);
    bytes.set(value, rest.length);
    rest = bytes.slice(bytes.length & ~1);
    now.samples = join(now.samples, toFloats(bytes));
    drawSoon();
  }
}

// 44 bytes before the samples.
function wavOf(samples) {
  const out = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, s) => { for (let i = 0; i < s.length; i++) out.setUint8(at + i, s.charCodeAt(i)); };
  text(0, "RIFF"), out.setUint32(4, 36 + 2 * samples.length, true), text(8, "WAVEfmt ");
  out.setUint32(16, 16, true), out.setUint16(20, 1, true), out.setUint16(22, 1, true), out.setUint32(24, RATE, true);
  out.setUint32(28, 2 * RATE, true), out.setUint16(32, 2, true), out.setUint16(34, 16, true);
  text(36, "data"), out.setUint32(40, 2 * samples.length, true);
  for (let i = 0; i < samples.length; i++) out.setInt16(44 + 2 * i, Math.round(samples[i] * 32768), true);
  return new Blob([out], { type: "audio/wav" });
}

// Nothing of the sound before is left to be seen or played.
function clear() {
  $("audio").pause();
  $("audio").removeAttribute("src");
  if (now.url) URL.revokeObjectURL(now.url);
  now.url = null;
  $("words").replaceChildren();
  $("needle").style.transform = "";
  $("clock").textContent = "";
  for (const name of ["play", "download"]) $(name).disabled = true;
}

function failed(error) {
  problem(error);
  clear();
  $("sound").hidden = true;
  tell(error.code === "down" ? "down" : "", "Not spoken");
}

function begin(body) {
  clear();
  now.run++;
  now.asked = body;
  now.samples = new Float32Array(0);
  now.marks = [];
  $("strip").scrollLeft = 0;
  $("facts").textContent = "";
  $("speak").disabled = true;
  return now.run;
}

async function speak(event) {
  event?.preventDefault();
  const body = wish(), run = begin(body), began = performance.now();
  problem(null);
  tell("up", "Speaking…");
  try {
    const types = ["sentence", "word", "viseme", ...(isSsml() ? ["ssml"] : [])];
    const sound = post("/v1/speech", { ...body, OutputFormat: "pcm", SampleRate: String(RATE) });
    const marks = sound.then(() => post("/v1/speech", { ...body, OutputFormat: "json", SpeechMarkTypes: types }));
    marks.catch(() => {});
    const answer = await sound;
    $("sound").hidden = false;
    const first = await readSound(answer, run, began);
    const lines = await (await marks).text();
    if (run !== now.run) return;
    now.marks = lines.split("\n").filter((l) => l).map((l) => JSON.parse(l));
    show(answer, first);
  } catch (error) {
    if (run === now.run) failed(error);
  } finally {
    if (run === now.run) $("speak").disabled = false;
  }
}

function show(answer, first) {
  const seconds = now.samples.length / RATE;
  $("facts").textContent = `${seconds.toFixed(1)} s, ${whole.format(answer.headers.get("x-amzn-RequestCharacters"))} characters, ` +
    `first sound after ${whole.format(first)} ms`;
  now.url = URL.createObjectURL(wavOf(now.samples));
  $("audio").src = now.url;
  for (const name of ["play", "download"]) $(name).disabled = false;
  $("strip").setAttribute("aria-valuemax", seconds.toFixed(1));
  draw();
  drawMarks();
  tell("up", "Spoken");
  $("audio").play().catch(() => {}); // a browser may want a click first
}

// ---- the wave

// Pieces come faster than a screen shows them.
function drawSoon() {
  if (now.due) return;
  now.due = requestAnimationFrame(() => {
    now.due = 0;
    draw();
  });
}

function draw() {
  const canvas = $("wave"), room = $("strip").clientWidth - 13, seconds = now.samples.length / RATE;
  const width = Math.min(CANVAS_PX, Math.max(room, Math.ceil(seconds * SHORTEST_PX)));
  now.perSecond = seconds ? width / seconds : SHORTEST_PX;
  $("track").style.width = `${width}px`;
  const sharp = width < 4000 ? window.devicePixelRatio || 1 : 1, height = 120;
  canvas.width = width * sharp, canvas.height = height * sharp;
  canvas.style.width = `${width}px`, canvas.style.height = `${height}px`;
  const c = canvas.getContext("2d");
  c.scale(sharp, sharp);
  c.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  const per = now.samples.length / width, tall = 58 / now.samples.reduce((m, s) => Math.max(m, Math.abs(s)), 0.1);
  for (let x = 0; x < width; x++) {
    let low = 0, high = 0;
    for (let i = Math.floor(x * per), end = Math.min(now.samples.length, Math.floor((x + 1) * per) + 1); i < end; i++) {
      if (now.samples[i] < low) low = now.samples[i];
      if (now.samples[i] > high) high = now.samples[i];
    }
    c.fillRect(x, 60 - high * tall, 1, Math.max(1, (high - low) * tall));
  }
}

function drawMarks() {
  const at = (m) => `left:${(m.time / 1000 * now.perSecond).toFixed(1)}px`;
  let end = [-9, -9];
  const words = now.marks.filter((m) => m.type === "word").map((m) => {
    const e = h("span", { "data-time": m.time }, m.value), left = m.time / 1000 * now.perSecond;
    const row = left >= end[0] || end[0] < end[1] && left < end[1] ? 0 : 1;
    end[row] = left + 8 + 7.8 * m.value.length;
    if (row) e.className = "low";
    e.style.cssText = at(m);
    return e;
  });
  const lines = now.marks.filter((m) => m.type === "sentence" || m.type === "ssml").map((m) => {
    const e = h("i", { class: m.type });
    e.style.cssText = at(m);
    if (m.type === "sentence") return e;
    const flag = h("b", {}, m.value);
    flag.style.cssText = at(m);
    return [e, flag];
  });
  $("words").replaceChildren(...lines.flat(), ...words);
}

function follow() {
  const audio = $("audio"), x = audio.currentTime * now.perSecond, strip = $("strip");
  $("needle").style.transform = `translateX(${x}px)`;
  $("clock").textContent = audio.duration ? `${audio.currentTime.toFixed(1)} of ${audio.duration.toFixed(1)} s` : "";
  strip.setAttribute("aria-valuenow", audio.currentTime.toFixed(1));
  let last = null;
  for (const e of $("words").querySelectorAll("span")) {
    e.classList.remove("now");
    if (Number(e.dataset.time) <= audio.currentTime * 1000 + 5) last = e;
  }
  if (!audio.paused) last?.classList.add("now");
  if (!audio.paused && (x < strip.scrollLeft || x > strip.scrollLeft + strip.clientWidth - 60)) strip.scrollLeft = x - 60;
  if (!audio.paused) requestAnimationFrame(follow);
}

function seek(event) {
  const box = $("track").getBoundingClientRect();
  if (!now.samples.length) return;
  $("audio").currentTime = Math.max(0, (event.clientX - box.left) / now.perSecond);
  follow();
}

function seekKeys(event) {
  const step = { ArrowLeft: -0.5, ArrowRight: 0.5, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  $("audio").currentTime = Math.min($("audio").duration || 0, Math.max(0, $("audio").currentTime + step));
  follow();
}

// ---- files

const endings = { wav: "wav", wav_ulaw: "wav", wav_alaw: "wav", mp3: "mp3", ogg_vorbis: "ogg", pcm: "pcm", ulaw: "ulaw", alaw: "alaw", json: "marks" };

async function download() {
  const body = { ...now.asked, OutputFormat: $("format").value };
  if ($("rate").value && body.OutputFormat !== "json") body.SampleRate = $("rate").value;
  if (body.OutputFormat === "json") body.SpeechMarkTypes = ["sentence", "word", "viseme"];
  const run = now.run; // a speech that was asked for meanwhile has the word
  $("download").disabled = true;
  try {
    const blob = await (await post("/v1/speech", body)).blob(), url = URL.createObjectURL(blob);
    h("a", { href: url, download: `${body.VoiceId.toLowerCase()}.${endings[body.OutputFormat]}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    if (run === now.run) tell("up", `Downloaded, ${whole.format(blob.size)} bytes`);
  } catch (error) {
    if (run === now.run) problem(error);
  } finally {
    if (run === now.run) $("download").disabled = false;
  }
}

// ---- long texts

const looks = { completed: "good", inProgress: "busy", scheduled: "soft", failed: "bad" };
const words = { inProgress: "being spoken", scheduled: "waiting" };

async function startTask() {
  try {
    await post("/v1/synthesisTasks", { ...wish(), OutputFormat: "mp3" });
    problem(null);
    await listTasks();
  } catch (error) {
    problem(error);
  }
}

function drawTask(t) {
  const link = `/v1/synthesisTasks/${encodeURIComponent(t.TaskId)}/audio`;
  return h("tr", {}, h("td", { class: "name" }, h("span", { class: "mono" }, t.TaskId.slice(0, 8))),
    h("td", {}, h("span", { class: `state ${looks[t.TaskStatus] ?? "soft"}` }, words[t.TaskStatus] ?? t.TaskStatus),
      t.TaskStatusReason ? h("span", { class: "reason" }, t.TaskStatusReason) : null),
    h("td", {}, t.VoiceId), h("td", {}, `${whole.format(t.RequestCharacters)} characters`),
    h("td", { class: "hide small soft" }, new Date(t.CreationTime * 1000).toISOString().slice(0, 16).replace("T", " ")),
    h("td", { class: "end" }, t.TaskStatus === "completed" ? h("a", { href: link }, t.OutputFormat) : null));
}

async function listTasks() {
  const answer = await (await fetch("/v1/synthesisTasks?MaxResults=100")).json(), tasks = answer.SynthesisTasks.reverse();
  $("tasks-count").textContent = tasks.length ? whole.format(tasks.length) : "";
  $("tasks").replaceChildren(tasks.length
    ? h("div", { class: "sheet" }, h("table", {}, h("tbody", {}, tasks.slice(0, 20).map(drawTask))))
    : h("p", { class: "empty" }, "None yet. A text of more than 3,000 characters becomes a task, spoken into the store."));
  if (tasks.some((t) => t.TaskStatus === "scheduled" || t.TaskStatus === "inProgress")) setTimeout(() => listTasks().catch(() => {}), 1000);
}

// ---- voices

function tellSpeaker() {
  const v = voices.get($("voice").value);
  const news = $("style").querySelector('[value="news"]');
  news.disabled = !v?.Newscaster;
  if (news.disabled && $("style").value === "news") $("style").value = "";
  $("speaker").textContent = v ? `${v.Id} is ${v.Speaker}.` : "";
}

async function listVoices() {
  const { Voices } = await (await fetch("/v1/voices")).json(), groups = new Map();
  for (const v of Voices) {
    voices.set(v.Id, v);
    if (!groups.has(v.LanguageName)) groups.set(v.LanguageName, []);
    groups.get(v.LanguageName).push(v);
  }
  $("voice").replaceChildren(...[...groups].map(([name, list]) => h("optgroup", { label: name },
    list.map((v) => h("option", { value: v.Id }, `${v.Id}, ${v.Gender.toLowerCase()}`)))));
  tellSpeaker();
  tell("up", `${Voices.length} voices`);
}

async function start() {
  $("text").value = new URLSearchParams(location.search).get("text") ?? EXAMPLE;
  $("snippet").textContent = `<script src="${location.origin}/player.js" data-selector="article"></` + "script>";
  $("form").addEventListener("submit", speak);
  $("text").addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) speak(e);
  });
  $("voice").addEventListener("change", tellSpeaker);
  $("play").addEventListener("click", () => $("audio").paused ? $("audio").play() : $("audio").pause());
  for (const name of ["play", "pause", "ended"]) $("audio").addEventListener(name, () => {
    $("play").textContent = $("audio").paused ? "Play" : "Pause";
    follow();
  });
  $("strip").addEventListener("click", seek);
  $("strip").addEventListener("keydown", seekKeys);
  $("download").addEventListener("click", download);
  window.addEventListener("resize", () => now.samples.length && (draw(), drawMarks(), follow()));
  try {
    await Promise.all([listVoices(), listTasks()]);
    const health = await (await fetch("/healthz")).json();
    $("foot").textContent = `Fettle ${health.version}, home ${health.home}`;
  } catch {
    tell("down", "The server does not answer");
  }
  if (new URLSearchParams(location.search).has("speak")) await speak();
}

start();
