// What the slider from familiar to surprising does: in words, and as two lines.

import { byId, number, percent, svg } from "./dom.js";

const LEFT = 8, RIGHT = 312, TOP = 16, BOTTOM = 62;

export function describe(facts, novelty) {
  const now = facts.steps.find((step) => Math.abs(step.novelty - novelty) < 1e-6);
  const own = facts.steps.find((step) => step.novelty === 0);
  if (!now || !own) return "";
  const who = `Here a listed title is known to ${number(now.met_by)} of ${number(facts.model_users)} people on average, and ` +
    `${percent(now.coverage)} of the catalogue is on somebody's list`;
  return novelty === 0 ? `${who}. This is the model's own list.`
    : `${who} (${number(own.met_by)} and ${percent(own.coverage)} in the middle).`;
}

export function draw(facts, novelty) {
  const chart = byId("leaning-chart");
  const x = (step) => LEFT + ((step + 1) / 2) * (RIGHT - LEFT);
  const most = { met_by: Math.max(...facts.steps.map((step) => step.met_by)), coverage: Math.max(...facts.steps.map((step) => step.coverage)) };
  const lines = [["met_by", "first"], ["coverage", "second"]].map(([name, kind]) => {
    const points = facts.steps.map((step) => `${x(step.novelty)},${BOTTOM - (step[name] / (most[name] || 1)) * (BOTTOM - TOP)}`);
    return svg("polyline", { points: points.join(" "), class: `line ${kind}` });
  });
  const label = (text, place, kind) => {
    const made = svg("text", { x: place, y: 9, "text-anchor": place > 160 ? "end" : "start" });
    made.append(svg("tspan", { class: kind }, "■ "), text);
    return made;
  };
  chart.replaceChildren(
    svg("line", { x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM, class: "axis" }), ...lines,
    svg("line", { x1: x(novelty), x2: x(novelty), y1: TOP - 2, y2: BOTTOM, class: "now" }),
    label("how well known", LEFT, "first"), label("share of the catalogue", RIGHT, "second"),
    svg("text", { x: LEFT, y: 75 }, "familiar"), svg("text", { x: RIGHT, y: 75, "text-anchor": "end" }, "surprising"));
  chart.setAttribute("aria-label", `Two lines over the slider: how well known listed titles are, and the share of the catalogue that is listed. ${describe(facts, novelty)}`);
  chart.removeAttribute("hidden");  // elements of SVG have no property of that name
  byId("leaning-about").textContent = describe(facts, novelty);
}
