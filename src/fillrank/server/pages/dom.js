// Elements, made without ever reading text as markup.

export const byId = (id) => document.getElementById(id);

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const whole = new Intl.NumberFormat("en"), share = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
export const number = (value) => (value === null || value === undefined ? "–" : whole.format(Math.round(value)));
export const percent = (value) => (value === null || value === undefined ? "–" : share.format(value));

export function parted(item) {
  // A title and its year, if it ends in one.
  const title = item.title || item.item, found = /^(.*\S)\s*\((\d{4})\)\s*$/.exec(title);
  return found ? [found[1], found[2]] : [title, ""];
}

export function colourOf(text) {
  // A colour of its own for each title, dark enough for white letters.
  let hash = 2166136261;
  for (const letter of text) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619) >>> 0;
  return `linear-gradient(135deg, hsl(${hash % 360} 48% 33%), hsl(${(hash % 360) + 45} 52% 22%))`;
}
