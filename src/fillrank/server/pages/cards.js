// Cards of items, and the ways to say what one thinks of an item.

import { colourOf, el, number, parted } from "./dom.js";

export function stars(item, values, now, onRate) {
  // Buttons for each value of the scale; a single one where the model takes no ratings.
  const [title] = parted(item);
  if (!values.length) {
    const known = now !== undefined;
    const label = known ? `Take back ${title}` : `I like ${title}`;
    return el("button", { class: known ? "plain" : "", "aria-label": label, onclick: () => onRate(item, known ? undefined : null) },
      known ? "Take back" : "I like it");
  }
  const group = el("span", { class: "stars", role: "group", "aria-label": `Rate ${title}` });
  for (const value of values) {
    const on = typeof now === "number" && value <= now;
    group.append(el("button", {
      type: "button", class: on ? "on" : "", "aria-pressed": String(value === now),
      "aria-label": `${value} of ${values[values.length - 1]} for ${title}`, onclick: () => onRate(item, value === now ? undefined : value),
    }, on ? "★" : "☆"));
  }
  return group;
}

export function line(item, values, now, onRate, withRemoval) {
  const name = el("span", { class: "name" }, item.title || item.item);
  const remove = withRemoval && values.length
    ? el("button", { class: "plain", "aria-label": `Take back ${item.title || item.item}`, onclick: () => onRate(item, undefined) }, "×")
    : null;
  return el("li", { "data-item": item.item }, name, el("span", { class: "row" }, stars(item, values, now, onRate), remove));
}

function because(reasons) {
  const names = reasons.map((reason) => parted(reason)[0]);
  if (!names.length) return "";
  const last = names.pop();
  return `Because of ${names.length ? `${names.join(", ")} and ` : ""}${last}.`;
}

export function card(item, { values, now, onRate, onSimilar, fallback = "", users = 0 }) {
  const [title, year] = parted(item);
  const cover = el("div", { class: "cover" }, el("span", { class: "title" }, title), el("span", { class: "year" }, year));
  cover.style.setProperty("--cover", colourOf(item.item + title));
  const why = [because(item.reasons || []) || fallback];
  if (item.rating !== undefined && item.rating !== null) why.push(`Expected: ${item.rating.toFixed(1)}.`);
  if (item.met_by !== undefined && item.met_by !== null) why.push(`Known to ${number(item.met_by)}${users ? ` of ${number(users)}` : ""}.`);
  const similar = onSimilar
    ? el("button", { class: "plain", "aria-label": `Similar to ${title}`, onclick: () => onSimilar(item) }, "Similar")
    : null;
  return el("li", { class: "card", "data-item": item.item }, cover,
    el("div", { class: "body" }, el("p", { class: "why" }, why.filter(Boolean).join(" ")),
      el("div", { class: "row" }, stars(item, values, now, onRate), similar)));
}
