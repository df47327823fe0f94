// player.js -- an article on any page, as sound: <script src="http://HOST/player.js" data-selector="article"></script>
//
// data-text     the words themselves (or SSML); or
// data-selector where they stand on the page; without both: the article, main or body
// data-voice    Joanna …; data-style: news, conversational; data-label: what the button says
//
// The text goes to the server that this script came from, which answers with an address made of the content: spoken while
// it is heard the first time, kept ever after. Nothing is asked for before the reader clicks.
(() => {
  const script = document.currentScript;
  const home = new URL(script.src).origin;
  const wish = script.dataset;
  const SKIP = "script, style, noscript, template, nav, aside, figure, form, button, dialog, svg, canvas, iframe, audio, " +
    "video, pre code, sup a, [hidden], [aria-hidden='true'], [data-unspoken], fettle-player";
  const BLOCKS = "p, h1, h2, h3, h4, h5, h6, li, blockquote, pre, div, section, tr, dt, dd, br";
  const CHARS_A_SECOND = 15; // for the estimate on the button

  const STYLE = `
    :host { display: block; margin: 0.8em 0; }
    div { display: flex; align-items: center; gap: 0.7em; width: fit-content; max-width: 100%; padding: 0.35em 0.9em 0.35em 0.4em;
      border: 1px solid color-mix(in srgb, currentColor 22%, transparent); border-radius: 2em; font: 0.9em/1.3 system-ui, sans-serif; }
    button { display: grid; place-items: center; width: 2.2em; height: 2.2em; flex: none; padding: 0; border: 0; border-radius: 50%;
      background: #1f6f5c; color: #fff; cursor: pointer; font: inherit; }
    button:focus-visible { outline: 2px solid #1f6f5c; outline-offset: 2px; }
    svg { width: 1em; height: 1em; fill: currentColor; }
    .bar { width: 7em; height: 4px; border-radius: 2px; overflow: hidden; background: color-mix(in srgb, currentColor 18%, transparent); }
    .bar i { display: block; height: 100%; width: 0; background: #1f6f5c; }
    .time { font-variant-numeric: tabular-nums; opacity: 0.7; white-space: nowrap; }
    .bad { color: #a8321f; opacity: 1; white-space: normal; }`;
  const SHAPES = { play: "M3 1.5v13l11-6.5z", pause: "M3 2h3.6v12H3zM9.4 2H13v12H9.4z", wait: "M2 7h3v2H2zm4.5 0h3v2h-3zM11 7h3v2h-3z" };

  // ---- what is to be said

  function textOf(element) {
    const copy = element.cloneNode(true);
    for (const e of copy.querySelectorAll(SKIP)) e.remove();
    for (const e of copy.querySelectorAll(BLOCKS)) e.append("\n\n");
    return copy.textContent.replace(/[ \t\f\v\u00a0]+/g, " ").replace(/ *\n */g, "\n").replace(/\n{2,}/g, "\n\n")
      .replace(/([^\n])\n([^\n])/g, "$1 $2").trim();
  }

  function words() {
    if (wish.text) return wish.text.trim();
    const found = wish.selector ? [...document.querySelectorAll(wish.selector)]
      : [document.querySelector("article") ?? document.querySelector("main") ?? document.body];
    return found.map(textOf).filter((t) => t).join("\n\n");
  }

  // ---- the player

  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  const host = document.createElement("fettle-player"), root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${STYLE}</style><div><button type="button"><svg viewBox="0 0 16 16" aria-hidden="true"><path/></svg></button>` +
    `<span class="label"></span><span class="bar" hidden><i></i></span><span class="time"></span></div><audio preload="none"></audio>`;
  const [button, path, label, bar, fill, time, audio] =
    ["button", "path", ".label", ".bar", ".bar i", ".time", "audio"].map((s) => root.querySelector(s));
  let estimate = 0, asked = null;

  function look(name, says) {
    path.setAttribute("d", SHAPES[name]);
    button.setAttribute("aria-label", says);
    host.dataset.state = name;
  }

  function fail(why) {
    look("play", "Listen");
    time.textContent = why;
    time.classList.add("bad");
    host.dataset.error = why;
    asked = null;
  }

  // Plain text needs no question beforehand from a page of another origin.
  async function ask() {
    const text = words();
    if (!text) throw new Error("There is no text to speak here.");
    const body = { Text: text, TextType: "auto" };
    if (wish.voice) body.VoiceId = wish.voice;
    if (wish.style) body.Style = wish.style;
    const answer = await fetch(`${home}/v1/articles`, { method: "POST", body: JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.message ?? `The speech server answered ${answer.status}.`);
    return home + told.Audio;
  }

  async function toggle() {
    if (asked && !audio.paused) return audio.pause();
    time.classList.remove("bad");
    delete host.dataset.error;
    try {
      if (!asked) {
        look("wait", "Loading");
        asked = ask();
        audio.src = await asked;
      }
      await audio.play();
    } catch (error) {
      fail(error.name === "TypeError" ? "The speech server does not answer." : error.message);
    }
    return undefined;
  }

  function progress() {
    const length = Number.isFinite(audio.duration) ? audio.duration : Math.max(estimate, audio.currentTime);
    bar.hidden = false;
    fill.style.width = `${length ? 100 * audio.currentTime / length : 0}%`;
    time.textContent = `${clock(audio.currentTime)} / ${Number.isFinite(audio.duration) ? "" : "≈"}${clock(length)}`;
  }

  function start() {
    estimate = words().length / CHARS_A_SECOND;
    label.textContent = wish.label ?? "Listen";
    time.textContent = estimate ? `≈ ${clock(estimate)}` : "";
    look("play", wish.label ?? "Listen");
    button.addEventListener("click", toggle);
    audio.addEventListener("playing", () => look("pause", "Pause"));
    audio.addEventListener("pause", () => look("play", "Play"));
    audio.addEventListener("waiting", () => look("wait", "Loading"));
    audio.addEventListener("timeupdate", progress);
    audio.addEventListener("error", () => asked && fail("The sound could not be loaded."));
    const place = !wish.text && wish.selector ? document.querySelector(wish.selector) : null;
    if (place) place.before(host);
    else script.after(host);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
