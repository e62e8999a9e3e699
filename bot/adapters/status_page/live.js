"use strict";
// Takes in what is new, each section by itself; without this the page is loaded again every half a minute.
const live = document.getElementById("live");
const silentAfter = 30000; // the server says something every ten seconds
let version = document.getElementById("main").dataset.version;
let heard = Date.now();
let source;

const clock = at => new Date(at).toISOString().slice(11, 19);

function say(words, isLost) {
  live.textContent = words;
  live.classList.toggle("lost", isLost);
}

function hear() {
  heard = Date.now();
  say(`Live. Times are in UTC.`, false);
}

function show(id, html) {
  const place = document.getElementById(id);
  const open = [...place.querySelectorAll("details[open]")].map(each => each.id);
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const links = [...place.querySelectorAll("a, summary")];
  const index = links.indexOf(focused);
  place.innerHTML = html;
  open.forEach(each => document.getElementById(each)?.setAttribute("open", ""));
  if (focused) {
    const now = [...place.querySelectorAll("a, summary")];
    (now.find(each => each.href && each.href === focused.href) || now[index] || document.getElementById("main")).focus();
  }
}

function connect() {
  source = new EventSource(`events?seen=${version}`);
  source.addEventListener("beat", hear);
  source.addEventListener("news", event => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) show(id, html);
    version = event.lastEventId;
    document.title = `Gordon: ${document.querySelector("#state .verdict").lastChild.textContent.trim()}`;
    hear();
  });
  source.onerror = () => say(`Not live since ${clock(heard)} UTC.`, true);
}

connect();
setInterval(() => {
  if (Date.now() - heard > silentAfter) say(`Not live since ${clock(heard)} UTC.`, true);
  if (source.readyState === EventSource.CLOSED || Date.now() - heard > 2 * silentAfter) {
    source.close();
    connect();
  }
}, 5000);
