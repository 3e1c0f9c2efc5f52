// The page's script: the theme before anything is drawn; then what is new, as the server sends it. Without
// it the page still shows all that was so when it was asked for.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const THEME = "allora-worker-theme";
  const kept = (() => { try { return localStorage.getItem(THEME); } catch { return null; } })();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;

  let stream = null;
  // Silence after which the page is taken to be old; the server says something each 10 s.
  const SILENCE = 15_000;
  const [FIRST_PAUSE, LONGEST_PAUSE] = [1_000, 30_000];
  // How long a hidden page keeps its connection, and how often it then asks how the worker is.
  const [PATIENCE, PEEK] = [10_000, 30_000];
  const $ = (id) => document.getElementById(id);
  const setText = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };

  // --- Themes
  const turn = () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme ?? (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try { localStorage.setItem(THEME, root.dataset.theme); } catch { /* Not kept: it holds for this page. */ }
  };

  // --- Replacing: what is the same stays, and with it focus, scroll position, and what is open
  const HELD = new Set(["open", "tabindex", "hidden"]);
  const keyOf = (node) => node.nodeType === 1 ? (node.id || node.dataset.key || "") : "";
  const isAlike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
  const liken = (old, made) => {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== made.nodeValue) old.nodeValue = made.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!made.hasAttribute(name) && !HELD.has(name)) old.removeAttribute(name);
    }
    for (const { name, value } of made.attributes) {
      if (old.getAttribute(name) !== value && !(name === "open" || name === "tabindex")) old.setAttribute(name, value);
    }
    likenChildren(old, made);
  };
  const likenChildren = (old, made) => {
    const keyed = new Map();
    for (const child of old.children) if (keyOf(child)) keyed.set(child.nodeName + keyOf(child), child);
    let at = old.firstChild;
    for (const next of [...made.childNodes]) {
      const key = keyOf(next);
      const found = key ? keyed.get(next.nodeName + key) : at && isAlike(at, next) ? at : null;
      keyed.delete(next.nodeName + key);
      if (!found) {
        old.insertBefore(next, at);
      } else {
        // A move takes the focus away: what lies between goes instead.
        if (found !== at && found.contains(document.activeElement)) {
          while (at && at !== found) { const gone = at; at = at.nextSibling; gone.remove(); }
        } else if (found !== at) {
          old.insertBefore(found, at);
        }
        liken(found, next);
        at = found.nextSibling;
      }
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  };
  const replace = (id, html) => {
    const element = $(id);
    if (!element) return;
    const made = document.createElement("template");
    made.innerHTML = html;
    likenChildren(element, made.content);
    element.closest(".card").hidden = html.trim() === "";
    if (id === "log") sift();
    if (id === "windows") rove();
    if (id === "banner") retitle();
    tick();
  };
  const title = (word) => { document.title = document.title.replace(/^[^–]*–/, `${word} –`); };
  const retitle = () => {
    const word = document.querySelector("#banner .word");
    if (word) title(word.textContent);
  };

  // --- The countdown, by the server's clock
  let lead = 0;
  const follow = (now) => { const at = Date.parse(now); if (!Number.isNaN(at)) lead = at - Date.now(); };
  const now = () => Date.now() + lead;
  const two = (number) => String(number).padStart(2, "0");
  const left = (ms) => {
    const all = Math.max(0, Math.floor(ms / 1000));
    const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
    return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
  };
  const written = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC",
  });
  const inWords = (ms) => `${written.format(ms).replace(/Sept/, "Sep")} UTC`;
  const tick = () => {
    const countdown = $("countdown");
    if (countdown) setText(countdown, left(Date.parse(countdown.dataset.expected) - now()));
    if (stream && Date.now() - heard > SILENCE) lose();
  };
  const onClock = ({ now: at, height, opens, expected }) => {
    follow(at);
    if (height !== undefined) setText($("height"), String(height));
    if (opens !== undefined) setText($("opens"), String(opens));
    const countdown = $("countdown");
    if (expected && countdown) {
      countdown.dataset.expected = expected;
      const time = $("expected");
      time.dateTime = expected;
      setText(time, inWords(Date.parse(expected)));
    }
    const asOf = $("as-of");
    asOf.dateTime = at;
    setText(asOf, inWords(Date.parse(at)));
    tick();
  };

  // --- Lost: told, until something is heard again
  let heard = Date.now();
  let isLost = false;
  const lose = () => {
    if (isLost) return;
    isLost = true;
    const line = document.createElement("p");
    const add = (tag, text) => { const part = document.createElement(tag); part.textContent = text; line.append(part); };
    add("b", `This page is old: nothing was heard since ${new Date(heard + lead).toISOString().slice(11, 19)} UTC. `);
    line.append("The worker is stopped, or can't be reached. Start it: ");
    add("code", "./start_worker.sh");
    line.append(" Ask how it is: ");
    add("code", "allora-worker status");
    line.append(" or ");
    add("code", "systemctl status allora-worker");
    $("lost").replaceChildren(line);
    stream?.abort();
  };
  const hear = () => {
    heard = Date.now();
    if (!isLost) return;
    isLost = false;
    $("lost").replaceChildren();
  };

  // --- The stream, read by hand: comments are signs of life, too
  let pause = FIRST_PAUSE;
  let generation = 0;
  const choice = () => {
    const query = new URLSearchParams(location.search);
    for (const name of ["level", "find"]) {
      const value = $("filter")?.elements[name].value.trim() ?? "";
      if (value && !(name === "level" && value === "info")) query.set(name, value); else query.delete(name);
    }
    return query;
  };
  const onEvent = (name, data) => {
    if (name === "restarted") {
      location.reload();
    } else if (name === "clock") {
      onClock(JSON.parse(data));
    } else if (name === "section") {
      const { id, html, generation: made } = JSON.parse(data);
      replace(id, html);
      if (made > generation) generation = made;
    }
  };
  const read = async (response, signal) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let [name, data] = ["message", []];
    while (!signal.aborted) {
      const { value, done } = await reader.read();
      if (done) return;
      hear();
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length) onEvent(name, data.join("\n"));
          [name, data] = ["message", []];
        } else if (line.startsWith("event:")) {
          name = line.slice(6).trim();
        } else if (line.startsWith("data:")) {
          data.push(line.slice(5).replace(/^ /, ""));
        }
      }
    }
  };
  const connect = async (since) => {
    stream?.abort();
    const mine = stream = new AbortController();
    const query = choice();
    query.set("since", String(since));
    try {
      const response = await fetch(`/events?${query}`, { signal: mine.signal, cache: "no-store", headers: { Accept: "text/event-stream" } });
      if (response.status === 401 || response.status === 403) { location.reload(); return; }
      if (response.ok) {
        pause = FIRST_PAUSE;
        await read(response, mine.signal);
      }
    } catch { /* It is tried again. */ }
    if (stream !== mine) return;
    setTimeout(() => { if (stream === mine) connect(generation); }, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  };

  // --- Hidden, it leaves its connection to others, of which browsers open six to a server; its title stays true
  let resting = 0;
  const WORDS = { running: "Running", trouble: "In trouble", stopped: "Stopped", never_started: "Never started" };
  const peek = async () => {
    try {
      const response = await fetch("/api/banner", { cache: "no-store" });
      title(response.ok ? WORDS[(await response.json()).state] : "Lost");
    } catch {
      title("Lost");
    }
    if (document.hidden) resting = setTimeout(peek, PEEK);
  };
  const rest = () => {
    clearTimeout(resting);
    if (document.hidden) {
      resting = setTimeout(() => { leave(); peek(); }, PATIENCE);
    } else if (!stream) {
      heard = Date.now();
      retitle();
      connect(generation);
    } else {
      tick();
    }
  };

  // Browsers keep a page that was left for a while, and its connection with it.
  const leave = () => {
    clearTimeout(resting);
    stream?.abort();
    stream = null;
  };

  // --- The log's filter: at once here, and by the server for what is not here
  const sift = () => {
    const form = $("filter");
    const find = form.elements.find.value.trim().toLowerCase();
    const least = { info: 0, warn: 1, error: 2 }[form.elements.level.value] ?? 0;
    for (const line of document.querySelectorAll("#log-lines li")) {
      const texts = [...line.querySelectorAll("code, .message")].map((it) => it.textContent.toLowerCase());
      line.hidden = Number(line.dataset.rank) < least || !texts.some((it) => it.includes(find));
    }
  };
  let asking = 0;
  const onFilter = () => {
    sift();
    clearTimeout(asking);
    asking = setTimeout(() => {
      const query = String(choice());
      history.replaceState(null, "", query ? `?${query}` : location.pathname);
      connect(0);
    }, 400);
  };

  // --- The season: one stop for the keyboard, and arrows from there
  const rove = () => {
    const days = [...document.querySelectorAll(".grid a")];
    const stop = days.find((it) => it === document.activeElement) ?? days.find((it) => it.matches(".chosen")) ?? days.at(-1);
    for (const day of days) day.setAttribute("tabindex", day === stop ? "0" : "-1");
  };
  const onArrow = (event) => {
    const day = event.target.closest?.(".grid a");
    if (!day) return;
    const days = [...document.querySelectorAll(".grid a")];
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const next = step ? days[days.indexOf(day) + step] : { Home: days[0], End: days.at(-1) }[event.key];
    if (!next) return;
    event.preventDefault();
    next.focus();
    rove();
  };
  const onCopy = async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.title = "Copied";
    } catch {
      // Not allowed on a page without encryption: it is marked, to be copied by hand.
      button.firstElementChild.textContent = button.dataset.copy;
      getSelection().selectAllChildren(button);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    $("theme")?.addEventListener("click", turn);
    if (!$("content")) return;
    generation = Number(document.body.dataset.generation);
    follow(document.body.dataset.now);
    const form = $("filter");
    form.addEventListener("input", onFilter);
    form.addEventListener("submit", (event) => { event.preventDefault(); onFilter(); });
    document.addEventListener("keydown", onArrow);
    document.addEventListener("click", onCopy);
    document.addEventListener("visibilitychange", rest);
    addEventListener("pagehide", leave);
    addEventListener("pageshow", (event) => { if (event.persisted) rest(); });
    const season = $("season");
    if (season) season.scrollLeft = season.scrollWidth;
    sift();
    rove();
    tick();
    setInterval(tick, 1_000);
    connect(generation);
  });
})();
