// Small charts and tables.

import { el, percent, svg } from "./dom.js";

export function bars(numbers, about) {
  // One bar a minute, the newest at the right.
  const most = Math.max(1, ...numbers), width = 600, height = 80, step = width / numbers.length;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height + 14}`, class: "chart", role: "img" });
  chart.setAttribute("aria-label", `${about}: ${numbers.reduce((sum, one) => sum + one, 0)} in the last hour, ${numbers[numbers.length - 1]} in this minute, at most ${most} in a minute`);
  numbers.forEach((one, n) => {
    const size = (one / most) * (height - 12);
    if (size) chart.append(svg("rect", { x: n * step + 1, y: height - size, width: step - 2, height: size, class: "first" }));
  });
  const label = (x, y, text, anchor) => { const made = svg("text", { x, y, "text-anchor": anchor }); made.append(text); return made; };
  chart.append(svg("line", { x1: 0, x2: width, y1: height, y2: height, class: "axis" }), label(0, 9, String(most), "start"),
    label(0, height + 12, "an hour ago", "start"), label(width, height + 12, "now", "end"));
  return chart;
}

export function groups(listed, met) {
  // Tenths of the catalogue, the most popular first: what is listed beside what was met.
  const width = 600, height = 150, most = Math.max(0.01, ...listed, ...met), step = width / listed.length;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height + 34}`, class: "chart", role: "img" });
  chart.setAttribute("aria-label", `Of what is listed, ${percent(listed[0])} is in the most popular tenth of the catalogue; of what was met, ${percent(met[0])}`);
  listed.forEach((share, n) => {
    for (const [value, place, kind] of [[met[n], 0.12, "second"], [share, 0.5, "first"]]) {
      const size = (value / most) * (height - 16);
      chart.append(svg("rect", { x: (n + place) * step, y: height - size, width: step * 0.36, height: size, class: kind }));
    }
    const made = svg("text", { x: (n + 0.5) * step, y: height + 12, "text-anchor": "middle" });
    made.append(String(n + 1));
    chart.append(made);
  });
  const legend = svg("text", { x: width / 2, y: height + 29, "text-anchor": "middle" });
  legend.append("tenths of the catalogue, most popular first:  ", svg("tspan", { class: "second" }, "■"), " met  ", svg("tspan", { class: "first" }, "■"), " listed");
  chart.append(svg("line", { x1: 0, x2: width, y1: height, y2: height, class: "axis" }), legend);
  return chart;
}

export function fill(table, heads, rows, empty = "Nothing yet.") {
  // Heads are texts; one that begins with # is a column of numbers.
  const kinds = heads.map((head) => (head.startsWith("#") ? "number" : ""));
  const body = rows.length ? rows : [[empty, ...heads.slice(1).map(() => "")]];
  table.replaceChildren(
    el("thead", {}, el("tr", {}, ...heads.map((head, n) => el("th", { scope: "col", class: kinds[n] }, head.replace("#", ""))))),
    el("tbody", {}, ...body.map((row) => el("tr", {}, ...row.map((cell, n) => el("td", { class: kinds[n] }, cell ?? ""))))));
}
