// The operator's page: asks for the figures every few seconds, as long as somebody looks.

import { ask, whenAllowed } from "./api.js";
import { bars, fill, groups } from "./charts.js";
import { byId, el, number, percent } from "./dom.js";

const SECONDS = 5;
const moment = (seconds) => new Date(seconds * 1000).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
const milliseconds = (seconds) => `${(1000 * seconds).toFixed(1)} ms`;
const figure = (value) => (value === null || value === undefined ? "–" : value.toFixed(4));
let kept = "";

function pairs(list, entries) {
  list.replaceChildren(...entries.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function showNow({ model, recent, store }) {
  const recommend = recent.latency["/v1/recommend"];
  const sum = (numbers) => numbers.slice(-5).reduce((total, one) => total + one, 0) / 5;
  pairs(byId("tiles"), [
    ["Model", model.version], ["At work since", moment(model.loaded)],
    ["Requests a minute", sum(recent.requests_by_minute).toFixed(1)], ["Events a minute", sum(recent.events_by_minute).toFixed(1)],
    ["Refused in the last hour", number(recent.refused_by_minute.reduce((total, one) => total + one, 0))],
    ["A list takes (p50, p99)", recommend ? `${milliseconds(recommend.p50)}, ${milliseconds(recommend.p99)}` : "–"],
    ["Memory", recent.memory ? `${number(recent.memory / 2 ** 20)} MiB` : "–"],
    ["Events kept", number(store.events)], ["Not yet learnt", number(store.events_since)],
  ]);
}

function showModel({ model, training, refused }) {
  const rows = [["Recipe", model.name], ["Log", model.data || "–"], ["Size", `${number(model.rows)} rows, ${number(model.users)} users, ${number(model.items)} items`],
    ["Predicts ratings", model.rates ? "yes" : "no"]];
  if (model.value_range) rows.push(["Ratings of the log", `${model.value_range[0]} to ${model.value_range[1]}`]);
  if (model.last_round) rows.push(["Last round", Object.entries(model.last_round).map(([name, value]) => `${name} ${typeof value === "number" ? Number(value.toPrecision(4)) : value}`).join(", ")]);
  if (refused) rows.push(["Not taken", refused]);
  byId("card").replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  byId("settings").textContent = JSON.stringify(model.settings, null, 2);
  const judged = training.attempts.find((one) => one.verdict);
  byId("verdict").textContent = judged ? `${moment(judged.time)}: ${judged.verdict}` :
    "No model has been fitted again yet. When one is, both make the lists of the newest day, and what people took up on it says which is better.";
}

function showListing({ listing }) {
  byId("listing-about").textContent = `Lists of ${listing.k} for ${listing.users} users of the model: ${percent(listing.coverage)} of the catalogue is on somebody's list.`;
  byId("groups").replaceChildren(groups(listing.listed_by_group, listing.met_by_group));
  fill(byId("top"), ["Item", "#On lists", "#Met by", "#Rank by popularity"],
    listing.top.map((one) => [one.title || one.item, number(one.lists), number(one.met_by), number(one.popularity_rank)]));
}

function showTraining({ training, time }) {
  const { schedule } = training, parts = [];
  if (schedule) {
    if (schedule.running) parts.push("It is being fitted now.");
    if (schedule.next_by_time) parts.push(schedule.next_by_time > time ? `At ${moment(schedule.next_by_time)}, if there are new events.` : "As soon as there is a new event.");
    if (schedule.after) parts.push(`After ${number(schedule.after)} events; ${number(schedule.events_since)} have come.`);
  } else parts.push("Nothing is planned: give --retrain-every or --retrain-after to fillrank serve, or run fillrank retrain.");
  byId("next").textContent = parts.join(" ");
  fill(byId("attempts"), ["When", "What", "#Model", "Verdict"],
    training.attempts.map((one) => [moment(one.time), one.what, one.number === null || one.number === undefined ? "" : String(one.number), one.verdict || one.error || ""]));
  const others = training.kept.filter((one) => one !== training.at_work).reverse(), now = others.join();
  byId("rollback").hidden = !others.length;
  if (now !== kept) byId("number").replaceChildren(...others.map((one) => el("option", { value: one }, `model ${one}`)));
  kept = now;
}

function showArms({ arms }) {
  const share = (row, what) => (row.users ? `${percent(row[`${what}_share`])} (${percent(row[`${what}_interval`][0])} to ${percent(row[`${what}_interval`][1])})` : "–");
  fill(byId("arms"), ["Model", "#Users with a list", "#Met something", "Share", "#Bought something", "Share"],
    arms.map((row) => [row.name, number(row.users), number(row.clicked), share(row, "clicked"), number(row.bought), share(row, "bought")]));
}

async function refresh() {
  const found = await ask("/v1/operator/overview");
  showNow(found);
  byId("requests").replaceChildren(bars(found.recent.requests_by_minute, "Requests"));
  byId("events").replaceChildren(bars(found.recent.events_by_minute, "Events"));
  fill(byId("latency"), ["Route", "#Answers", "#p50", "#p99"],
    Object.entries(found.recent.latency).map(([route, one]) => [route, number(one.answers), milliseconds(one.p50), milliseconds(one.p99)]));
  showModel(found);
  showListing(found);
  showTraining(found);
  showArms(found);
  byId("fresh").textContent = `fillrank ${found.fillrank}; figures of ${new Date(found.time * 1000).toLocaleTimeString("en")}`;
  byId("trouble").hidden = true;
}

function trouble(error) {
  byId("trouble").textContent = error.message;
  byId("trouble").hidden = false;
}

async function showUser(event) {
  event.preventDefault();
  const id = byId("user").value.trim();
  try {
    const found = await ask(`/v1/operator/users/${encodeURIComponent(id)}`);
    const basis = { model: "as they were in training", history: "folded in from what they have done", popularity: "nothing is known of them: what most people met" }[found.list.basis];
    byId("user-about").textContent = `${found.user}: ${found.known ? "known to the model" : "not known to the model"}, ${number(found.events.length)} events since; their list is by ${found.arm}, ${basis}.`;
    fill(byId("met"), ["Item", "What", "When"], [
      ...found.events.map((one) => [one.title || one.item, one.value === null ? one.type : `${one.type} ${one.value}`, moment(one.time)]),
      ...found.log.map((one) => [one.title || one.item, one.value === null ? "in the log" : `in the log: ${Number(one.value.toFixed(2))}`, one.time === null ? "" : moment(one.time)]),
    ]);
    fill(byId("their-list"), ["Item", "#Score", "Why"], found.list.items.map((one) => [one.title || one.item, figure(one.score),
      one.reasons.map((reason) => `${reason.title || reason.item} (${reason.contribution.toFixed(3)})`).join(", ") || "–"]));
    byId("user-shown").hidden = false;
  } catch (error) { byId("user-about").textContent = error.message; byId("user-shown").hidden = true; }
}

function askRollback(event) {
  event.preventDefault();
  byId("sure-about").textContent = `Model ${byId("number").value} takes the place of the one at work. Requests under way are finished first.`;
  byId("sure").showModal();
}

async function rollBack() {
  byId("sure").close();
  try {
    const done = await ask("/v1/operator/rollback", { number: Number(byId("number").value) });
    byId("rollback-said").textContent = `Model ${done.number} is at work (${done.model}).`;
    await refresh();
  } catch (error) { byId("rollback-said").textContent = error.message; }
}

async function begin() {
  byId("user-form").addEventListener("submit", showUser);
  byId("rollback").addEventListener("submit", askRollback);
  byId("sure-no").addEventListener("click", () => byId("sure").close());
  byId("sure-yes").addEventListener("click", rollBack);
  await whenAllowed(refresh, byId("key-form"));
  setInterval(() => { if (!document.hidden) refresh().catch(trouble); }, SECONDS * 1000);
}

begin().catch(trouble);
