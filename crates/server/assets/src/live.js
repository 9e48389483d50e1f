// Live updates. The page says what it shows: an element with `data-live-src`
// and `data-live-topics` is fetched again and replaced when an event has one of
// its topics; an element with `data-live-list` only counts, because a list that
// moves under the reader's hand is worse than one that is a minute old.
//
// Events come from `/events?after=<seq>`, each with `id: <seq>` and
// `data: {"topics": ["journal", "devices", "device:<id>"]}`.
const GATHER = 700; // milliseconds in which events are gathered before fetching
const REST = 2000; // least milliseconds between two rounds
const MOST = 20; // elements fetched in one round; the rest waits for the next

const body = document.body;
const status = document.querySelector("[data-live-status]");
const tools = document.querySelector("[data-live-tools]");
const show = document.querySelector("[data-live-show]");
const pause = document.querySelector("[data-live-pause]");
const list = document.querySelector("[data-live-list]");

let after = Number(body.dataset.liveAfter);
let source;
let paused = false;
let counted = 0;
let timer;
const stale = new Set();

/** Says something to everyone, also to those who listen. */
function say(text) {
  if (status && status.textContent !== text) status.textContent = text;
}

function connect() {
  source = new EventSource(`/events?after=${after}`);
  source.addEventListener("open", () => say(counted ? countText() : "Live"));
  source.addEventListener("error", () => say("Connection lost, trying again"));
  source.addEventListener("message", receive);
}

function disconnect() {
  source?.close();
  source = undefined;
}

function receive(event) {
  after = Math.max(after, Number(event.lastEventId) || after);
  let topics;
  try {
    topics = JSON.parse(event.data).topics ?? [];
  } catch {
    return;
  }
  const shown = [...document.querySelectorAll("[data-live-src]")].filter((element) =>
    element.dataset.liveTopics.split(" ").some((topic) => topics.includes(topic)),
  );
  for (const element of shown) stale.add(element.id);
  const rowShown = shown.some((element) => element.localName === "tr");
  if (list && topics.includes(list.dataset.liveList) && !rowShown) {
    counted += 1;
    say(countText());
    show.hidden = false;
  }
  if (stale.size) timer ??= setTimeout(refresh, GATHER);
}

function countText() {
  return counted === 1 ? "1 update" : `${counted.toLocaleString("en-GB")} updates`;
}

async function refresh() {
  const round = [...stale].slice(0, MOST);
  for (const id of round) stale.delete(id);
  const pages = new Map();
  for (const id of round) {
    const element = document.getElementById(id);
    if (!element) continue;
    const address = element.dataset.liveSrc;
    if (!pages.has(address)) pages.set(address, fetchPage(address));
    const page = await pages.get(address);
    if (page) replace(id, page);
  }
  timer = undefined;
  if (stale.size) timer = setTimeout(refresh, REST);
}

/** The document or fragment at an address; rows need their table to be parsed. */
async function fetchPage(address) {
  try {
    const response = await fetch(address, { headers: { accept: "text/html" } });
    if (!response.ok || response.redirected) return undefined;
    const template = document.createElement("template");
    template.innerHTML = await response.text();
    return template.content;
  } catch {
    return undefined;
  }
}

/** Puts the new element in the old one's place; focus, open details and scroll stay. */
function replace(id, page) {
  const old = document.getElementById(id);
  const found = page.querySelector(`#${CSS.escape(id)}`);
  if (!old || !found || old.isEqualNode(found)) return;
  const next = document.importNode(found, true);
  const active = document.activeElement;
  const inside = old.contains(active);
  if (inside && active.matches("input:not([type=hidden]), select, textarea")) {
    stale.add(id); // somebody is typing here
    return;
  }
  const open = [...old.querySelectorAll("details")].map((details) => details.open);
  next.querySelectorAll("details").forEach((details, index) => {
    details.open = open[index] ?? details.open;
  });
  const address = inside && focusKey(active, old);
  old.replaceWith(next);
  next.classList.add("m-fresh");
  if (address !== false && address !== undefined) findFocus(address, next)?.focus({ preventScroll: true });
}

const FOCUSABLE = "a[href], button, summary, [tabindex]";

function focusKey(active, root) {
  return { id: active.id, href: active.getAttribute("href"), index: [...root.querySelectorAll(FOCUSABLE)].indexOf(active) };
}

function findFocus(key, root) {
  const all = [...root.querySelectorAll(FOCUSABLE)];
  if (key.id) return all.find((element) => element.id === key.id) ?? all[0];
  if (key.href) return all.find((element) => element.getAttribute("href") === key.href) ?? all[0];
  return all[key.index] ?? all[0];
}

if (Number.isFinite(after) && "EventSource" in window && tools) {
  tools.hidden = false;
  document.querySelector("[data-live-plain]").hidden = true;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume updates" : "Pause updates";
    if (paused) {
      disconnect();
      clearTimeout(timer);
      timer = undefined;
      say("Updates paused");
    } else {
      connect();
      if (stale.size) timer = setTimeout(refresh, GATHER);
    }
  });
  // A page kept for the back button must not hold a connection.
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => {
    if (event.persisted && !paused) connect();
  });
  connect();
}
