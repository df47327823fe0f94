// app.js -- the dashboard: asks the server's JSON every two seconds and shows what changed.
//
// Text from the server only ever becomes text nodes. A list is drawn anew only when its JSON differs from the last, and
// keeps what the reader has open and where the keyboard is.

const EVERY_MS = 2000;
const open = new Set(); // keys of the details that the reader opened
const seen = new Map(); // list -> JSON text that is on the page
const lineages = new Map(); // node -> its lineage, loaded once

// ---- making elements

function h(tag, attributes = {}, ...children) {
  const e = tag === "svg" || tag === "path" || tag === "circle"
    ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) e.style.setProperty(k, v);
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== ""));
  return e;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
const number = (v) => v === null || v === undefined ? "–" : new Intl.NumberFormat("en", { maximumSignificantDigits: 5 }).format(v);

function ago(text) {
  if (!text) return "";
  const s = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
  const say = s < 5 ? "now" : s < 60 ? `${Math.round(s)} s ago` : s < 3600 ? `${Math.round(s / 60)} min ago`
    : s < 86400 ? `${Math.round(s / 3600)} h ago` : new Date(text).toISOString().slice(0, 10);
  return h("time", { datetime: text, title: text.replace("T", " ").replace(/\.\d+Z/, " UTC") }, say);
}

function span(from, until) {
  const s = (Date.parse(until ?? new Date().toISOString()) - Date.parse(from)) / 1000;
  return s < 1 ? `${Math.round(s * 1000)} ms` : s < 90 ? `${s.toFixed(1)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

const looks = {
  InService: "good", Completed: "good", NoIssue: "good", NoIssuesFound: "good",
  InProgress: "busy", Creating: "busy", Updating: "busy", RollingBack: "busy", Stopping: "busy",
  Stopped: "warn", CompletedWithViolations: "warn", NotEnoughData: "soft",
  Issue: "bad", IssuesFound: "bad", Failed: "bad", Error: "bad",
};
const words = {
  InService: "in service", Completed: "completed", NoIssue: "no issue", InProgress: "in progress", Creating: "being created",
  Updating: "being updated", RollingBack: "rolling back", Stopping: "stopping", Stopped: "stopped", Issue: "issue",
  Failed: "failed", NotEnoughData: "not enough data", CompletedWithViolations: "violations", Error: "error",
};
const state = (name) => h("span", { class: `state ${looks[name] ?? "soft"}` }, words[name] ?? name);

// "job/mnist-1" -> a link to its row
function subject(text) {
  const [kind, ...rest] = text.split("/");
  return h("a", { href: `#${kind}-${rest.join("/")}` }, rest.join("/"));
}

function spark(points) {
  const good = points.filter((p) => p !== null);
  if (good.length < 2) return null;
  const low = Math.min(...good), high = Math.max(...good), range = high - low;
  const at = points.map((p, i) => p === null ? null : [(i / (points.length - 1)) * 120 + 2, range ? 26 - ((p - low) / range) * 22 : 15])
    .filter((p) => p);
  const d = at.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  const [x, y] = at[at.length - 1];
  return h("svg", { class: "spark", viewBox: "0 0 126 30", "aria-hidden": "true", preserveAspectRatio: "none" },
    h("path", { d, fill: "none", stroke: "currentColor", "stroke-width": "1.5", "vector-effect": "non-scaling-stroke",
      "stroke-linejoin": "round" }),
    h("circle", { cx: x, cy: y, r: "2.2", fill: "currentColor" }));
}

// ---- what opens: evidence and lineage

function value(v) {
  if (v === null) return "–";
  if (typeof v === "number") return number(v);
  if (Array.isArray(v)) return v.map(value).join(", ");
  if (typeof v === "object") return Object.entries(v).map(([k, x]) => `${k} ${value(x)}`).join(", ");
  return String(v);
}

// Long evidence stays on the server; the sentence has what matters of it.
function evidence(row) {
  if (row.evidence_bytes) return [["evidence", `${whole.format(row.evidence_bytes)} bytes; fettle verdicts ls --json has it`]];
  return Object.entries(row.evidence ?? {}).map(([k, v]) => [k.replaceAll("_", " "), value(v)]);
}

function facts(pairs) {
  const rows = pairs.filter(([, v]) => v !== null && v !== undefined && v !== "");
  return rows.length ? h("dl", { class: "facts" }, rows.map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])) : null;
}

function drawLineage(box, steps) {
  box.replaceChildren(h("h4", {}, "Where it came from"), h("ol", { class: "lineage" }, steps.map((s) =>
    h("li", { style: { "--depth": s.depth } },
      s.missing ? h("span", { class: "bad" }, `missing: ${s.id}`) : h("span", { class: "mono" }, s.id),
      s.note ? h("span", { class: "soft" }, `  ${s.note}`) : null,
      s.repeated ? h("span", { class: "soft" }, " (shown above)") : null))));
}

async function loadLineage(box, node) {
  if (!lineages.has(node)) {
    try {
      const answer = await fetch(`/lineage/${encodeURIComponent(node)}`);
      if (!answer.ok) return box.replaceChildren(h("p", { class: "soft small" }, "No lineage is stored for it."));
      lineages.set(node, (await answer.json()).steps);
    } catch {
      return box.replaceChildren(h("p", { class: "soft small" }, "The server did not answer."));
    }
  }
  drawLineage(box, lineages.get(node));
}

// One line that opens. `inside` makes what is shown then.
function fold(key, who, what, when, inside, node) {
  const inner = h("div", { class: "inner" });
  const fill = () => {
    const box = h("div");
    inner.replaceChildren(...[inside(), box].filter((e) => e));
    loadLineage(box, node);
  };
  const details = h("details", { open: open.has(key), ontoggle: () => {
    if (details.open) open.add(key), fill();
    else open.delete(key);
  } }, h("summary", { "data-key": key }, h("span", { class: "who" }, who), h("span", { class: "what" }, what),
    h("span", { class: "when" }, when)), inner);
  if (open.has(key)) fill();
  return h("li", {}, details);
}

// ---- the lists

// What the requests of an endpoint's alert looked like, beside usual ones: one click where the rule is about pictures.
const pictureRules = new Set(["PerturbedInputs", "UnrelatedClasses", "LowConfidence"]);

function pictures(a) {
  const [kind, name] = a.subject.split("/");
  return kind === "endpoint" ? h("a", { href: `/endpoints/${encodeURIComponent(name)}/pictures?alert=${a.id}` },
    "side by side with usual ones") : null;
}

function drawAlerts({ alerts }) {
  if (!alerts.length) return h("p", { class: "empty" }, "No alert. When a rule finds an issue and asks for one, it stands here and is sent out.");
  return h("ul", { class: "list" }, alerts.map((a) => fold(`alert:${a.id}`,
    [a.rule, h("span", { class: "small" }, a.subject)], pictureRules.has(a.rule) ? [a.text, h("br"), pictures(a)] : a.text,
    [ago(a.raised), h("br"), h("span", { class: a.delivered < a.deliveries ? "warn" : "soft" },
      a.deliveries ? `${a.delivered} of ${a.deliveries} delivered` : "no receiver")],
    () => facts([["subject", subject(a.subject)], ["pictures", pictures(a)], ["receiver says", a.failure],
      ["id", h("span", { class: "mono" }, a.uuid)], ...evidence(a)]), `alert:${a.id}`)));
}

function drawShares(e) {
  if (!e.classes?.length) return null;
  return h("ul", { class: "shares", "aria-label": "Classes of the last captured answers" }, e.classes.slice(0, 4).map((c) =>
    h("li", {}, h("span", {}, c.label ?? `class ${c.class}`), h("span", { class: "track" }, h("span", { style: { width: `${c.share * 100}%` } })),
      h("span", {}, percent.format(c.share)))));
}

function drawMonitor(e) {
  if (!e.monitor) return h("p", { class: "foot soft" }, "Not monitored yet.");
  const n = e.monitor.violations;
  return h("p", { class: "foot" }, h("span", { class: n ? "bad" : "good" }, n ? `${whole.format(n)} violation${n === 1 ? "" : "s"}` : "no violation"),
    ` in ${whole.format(e.monitor.records)} requests, `, ago(e.monitor.until), " · ", h("a", { href: e.monitor.report }, "report"));
}

function drawEndpoints({ endpoints }) {
  if (!endpoints.length) return h("p", { class: "empty" }, "No endpoint yet. ", h("code", {}, "fettle deploy JOB --endpoint NAME --capture 50"), " makes one.");
  return h("div", { class: "cards" }, endpoints.map((e) => h("article", { class: "card", id: `endpoint-${e.name}` },
    h("h3", {}, e.name, state(e.status)),
    h("p", { class: "small soft" }, `version ${e.answers_version ?? e.serving ?? 0}, ${e.predictor}`,
      e.job ? [", of job ", h("a", { href: `#job-${e.job}` }, e.job)] : "", ", ", ago(e.modified)),
    e.reason ? h("p", { class: "small warn" }, e.reason) : null,
    h("dl", {}, h("dt", {}, "requests"), h("dd", {}, whole.format(e.requests ?? 0)),
      h("dt", {}, "captured"), h("dd", {}, whole.format(e.captured), h("span", { class: "small soft" }, ` at ${e.capture_percent} %`)),
      h("dt", {}, "refused"), h("dd", { class: e.refused ? "warn" : null }, whole.format(e.refused ?? 0))),
    e.captures_lost ? h("p", { class: "small bad" }, `${whole.format(e.captures_lost)} captures could not be written`) : null,
    drawShares(e), drawMonitor(e))));
}

function drawProgress(j) {
  if (j.status !== "InProgress" || !j.steps_total) return null;
  return h("progress", { max: j.steps_total, value: j.step, "aria-label": `step ${j.step} of ${j.steps_total}` });
}

function drawJobs({ jobs }) {
  if (!jobs.length) return h("p", { class: "empty" }, "No job yet. ", h("code", {}, "fettle train xgboost --train FILE"), " makes one.");
  return h("div", { class: "sheet" }, h("table", {}, h("thead", {}, h("tr", {},
    ["Job", "Status", "Metric", ""].map((t) => h("th", { scope: "col" }, t)), h("th", { scope: "col", class: "hide" }, "Started"), h("th", {}, h("span", { class: "unseen" }, "Report")))),
  h("tbody", {}, jobs.map((j) => h("tr", { id: `job-${j.name}` },
    h("td", { class: "name" }, j.name, j.reason ? h("span", { class: "reason" }, j.reason) : null),
    h("td", {}, state(j.status), drawProgress(j)),
    h("td", {}, j.metric ? [number(j.metric.value), h("br"), h("span", { class: "small soft" }, `${j.metric.name}, step ${whole.format(j.metric.step)}`)]
      : h("span", { class: "soft" }, "none yet")),
    h("td", {}, j.metric ? spark(j.metric.points) : null),
    h("td", { class: "hide small" }, ago(j.started ?? j.created), j.started ? [h("br"), h("span", { class: "soft" }, span(j.started, j.ended))] : null),
    h("td", { class: "end" }, h("a", { href: j.report, "aria-label": `report of job ${j.name}` }, "report")))))));
}

function drawVerdicts({ verdicts }) {
  const all = document.getElementById("all-verdicts").checked;
  const shown = all ? verdicts : verdicts.filter((v) => v.outcome === "Issue");
  if (!shown.length) return h("p", { class: "empty" }, verdicts.length ? "The rules found no issue so far." : "No rule has judged anything yet.");
  return h("ul", { class: "list" }, shown.map((v) => fold(`verdict:${v.id}`,
    [v.rule, h("span", { class: "small" }, v.subject)], v.reason || state(v.outcome),
    [ago(v.stored), h("br"), v.step !== undefined ? h("span", { class: "soft" }, `step ${whole.format(v.step)}`) : null],
    () => facts([["outcome", words[v.outcome] ?? v.outcome], ["subject", subject(v.subject)],
      ...evidence(v)]), `verdict:${v.id}`)));
}

const lists = [
  { id: "alerts", path: "/alerts?limit=50", key: "alerts", draw: drawAlerts },
  { id: "endpoints", path: "/endpoints", key: "endpoints", draw: drawEndpoints },
  { id: "jobs", path: "/jobs?limit=50", key: "jobs", draw: drawJobs },
  { id: "verdicts", path: "/verdicts?limit=100", key: "verdicts", draw: drawVerdicts },
];

// ---- showing and asking

function show(list, text) {
  const data = JSON.parse(text), rows = data[list.key];
  const section = document.getElementById(list.id), body = section.querySelector(".body");
  const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
  if (list.id === "alerts" && seen.has("alerts")) {
    const before = JSON.parse(seen.get("alerts")).alerts[0]?.id ?? 0;
    const fresh = rows.filter((a) => a.id > before);
    if (fresh.length) document.getElementById("news").textContent = `New alert: ${fresh[0].text}`;
  }
  seen.set(list.id, text);
  body.replaceChildren(list.draw(data));
  body.removeAttribute("aria-busy");
  const shown = body.querySelectorAll(".list > li, .card, tbody tr").length;
  section.querySelector(".count").textContent = shown ? whole.format(shown) : "";
  if (focused) section.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

async function ask(list) {
  const answer = await fetch(list.path);
  if (!answer.ok) throw new Error(`${list.path} answered ${answer.status}`);
  const text = await answer.text();
  if (seen.get(list.id) !== text) show(list, text);
}

function tell(up, text) {
  document.getElementById("state").className = up ? "up" : "down";
  const e = document.getElementById("state-text");
  if (e.textContent !== text) e.textContent = text;
}

async function round() {
  if (document.hidden) return;
  try {
    await Promise.all(lists.map(ask));
    tell(true, "Up to date");
  } catch {
    tell(false, "The server does not answer; trying again");
  }
}

// Times that say how long ago grow old between two changes.
function refreshTimes() {
  for (const t of document.querySelectorAll("time[datetime]")) t.textContent = ago(t.dateTime).textContent;
}

async function begin() {
  document.getElementById("all-verdicts").addEventListener("change", () => {
    if (seen.has("verdicts")) show(lists[3], seen.get("verdicts"));
  });
  document.addEventListener("visibilitychange", round);
  try {
    const health = await (await fetch("/healthz")).json();
    document.getElementById("foot").textContent = `Fettle ${health.version}, home ${health.home}`;
  } catch {
    tell(false, "The server does not answer; trying again");
  }
  for (;;) {
    await round();
    refreshTimes();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

begin();
