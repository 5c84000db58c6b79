// The page for everybody: what somebody says becomes a list, with reasons, as they say it.

import { ask, whenAllowed } from "./api.js";
import { card, line } from "./cards.js";
import { byId, el, number, parted, percent } from "./dom.js";
import * as leaning from "./leaning.js";
import { CatalogueMap } from "./map.js";

const said = new Map(JSON.parse(sessionStorage.getItem("fillrank-said") || "[]"));
let about = null, values = [], facts = null, map = null, asked = null, sought = null, last = { items: [] };

function trouble(error) {
  if (error.name === "AbortError") return;
  byId("trouble").textContent = error.message;
  byId("trouble").hidden = false;
}

function scale(model) {
  // The values that can be given: whole steps of the model's scale, or five of it.
  if (!model.uses_ratings || !model.value_range) return [];
  const [low, high] = model.value_range, first = Math.ceil(low), steps = Math.floor(high) - first + 1;
  if (steps >= 2 && steps <= 10) return Array.from({ length: steps }, (_, n) => first + n);
  return Array.from({ length: 5 }, (_, n) => Number((low + ((high - low) * n) / 4).toFixed(2)));
}

const nowOf = (item) => said.get(item.item)?.value;

function rate(item, value) {
  if (value === undefined) said.delete(item.item);
  else said.set(item.item, { item: item.item, title: item.title, value });
  sessionStorage.setItem("fillrank-said", JSON.stringify([...said]));
  showSaid();
  search();
  refresh();
}

function showSaid() {
  const rows = [...said.values()].reverse();
  byId("said").replaceChildren(...rows.map((one) => line(one, values, one.value, rate, true)));
  byId("nothing-said").hidden = rows.length > 0;
  byId("forget").hidden = rows.length === 0;
}

async function search() {
  const query = byId("query").value.trim();
  sought?.abort();
  sought = new AbortController();
  try {
    const { items } = await ask(`/v1/items?k=8&query=${encodeURIComponent(query)}`, undefined, sought.signal);
    byId("found-title").textContent = !query ? "Known to many" : items.length ? "Found" : `Nothing is called “${query}”`;
    byId("found").replaceChildren(...items.map((item) => line(item, values, nowOf(item), rate, false)));
  } catch (error) { trouble(error); }
}

function history() {
  if (!values.length) return [...said.keys()];
  return Object.fromEntries([...said.values()].map((one) => [one.item, one.value]));
}

async function refresh() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked, novelty = Number(byId("novelty").value);
  try {
    last = await ask("/v1/recommend", { history: history(), k: 12, explain: true, novelty }, signal);
    if (about.rates && said.size) {
      const wanted = { history: history(), items: last.items.map((item) => item.item) };
      const found = await ask("/v1/predict", wanted, signal).catch((error) => { if (error.name === "AbortError") throw error; return { predictions: [] }; });
      found.predictions.forEach((one, n) => { last.items[n].rating = one.value; });
    }
    showList();
    if (map) {
      const { place } = said.size ? await ask("/v1/map/place", { history: history() }, signal) : { place: null };
      showMap(place);
    }
    byId("trouble").hidden = true;
  } catch (error) { trouble(error); }
}

function showList() {
  const plain = last.basis === "popularity";
  const fallback = plain ? "Known to the most people." : "";
  const how = { values, onRate: rate, onSimilar: similar, users: about.users, fallback };
  byId("list").replaceChildren(...last.items.map((item) => card(item, { ...how, now: nowOf(item) })));
  const first = last.items.length ? parted(last.items[0])[0] : "nothing";
  byId("list-about").textContent = plain
    ? "You have said nothing yet, so this is what most people know. Name a title or two, and it becomes yours."
    : `From ${number(said.size)} title${said.size === 1 ? "" : "s"} that you named. First: ${first}.`;
}

async function similar(item) {
  byId("similar-title").textContent = `Similar to ${parted(item)[0]}`;
  byId("similar-list").replaceChildren();
  byId("similar-none").hidden = true;
  byId("similar").showModal();
  try {
    const { items } = await ask(`/v1/items/${encodeURIComponent(item.item)}/similar?k=8`);
    const again = (other, value) => { rate(other, value); show(); };
    const show = () => byId("similar-list").replaceChildren(...items.map((other) => card(other, { values, now: nowOf(other), onRate: again })));
    show();
  } catch (error) {
    byId("similar-none").textContent = error.message;
    byId("similar-none").hidden = false;
  }
}

function showMap(place) {
  map.rated = new Set(said.keys());
  map.listed = new Set(last.items.map((item) => item.item));
  map.setTaste(place);
  const near = map.nearest(5).map((item) => parted(item)[0]);
  byId("map-near").textContent = near.length ? `Nearest to you on the map: ${near.join(", ")}.` : "Name a title, and you are on the map.";
  byId("map").setAttribute("aria-label", `A map of ${map.items.length} titles. ${byId("map-near").textContent}`);
}

async function drawMap() {
  const found = await ask("/v1/map?n=2000");
  byId("map-section").hidden = false;
  map = new CatalogueMap(byId("map"), document.querySelector(".tools"), (item) => {
    byId("map-near").replaceChildren(`${item.title || item.item}, known to ${number(item.met_by)}. `,
      el("button", { class: "plain", onclick: () => similar(item) }, "Similar"));
  });
  map.items = found.items;
  byId("map-about").textContent = `The ${number(found.items.length)} best known titles: the closer, the more alike to the model. ` +
    `Two of its directions, which hold ${percent(found.explained)} of what sets titles apart. Touch a point for its name.`;
}

async function begin() {
  about = await whenAllowed(() => ask("/v1/model"), byId("key-form"));
  values = scale(about);
  byId("model").textContent = `${about.name} on ${about.data || "a log"}: ${number(about.users)} people, ${number(about.items)} titles`;
  let pause = 0;
  byId("query").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(search, 180); });
  byId("novelty").addEventListener("input", () => {
    if (facts) leaning.draw(facts, Number(byId("novelty").value));
    refresh();
  });
  byId("forget").addEventListener("click", () => { said.clear(); rate({ item: "" }, undefined); });
  byId("similar-close").addEventListener("click", () => byId("similar").close());
  showSaid();
  await Promise.all([search(), refresh()]);
  drawMap().then(refresh).catch(trouble);
  ask("/v1/novelty").then((found) => { facts = found; leaning.draw(facts, Number(byId("novelty").value)); }).catch(trouble);
}

begin().catch(trouble);
