// Speaks to this server, and to nobody else.

let key = sessionStorage.getItem("fillrank-key") || "";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function useKey(text) {
  key = text.trim();
  sessionStorage.setItem("fillrank-key", key);
}

export async function ask(path, body, signal) {
  // A server that has too much to do says so; then the same is asked again, a little later.
  for (let tries = 0; ; tries += 1) {
    try {
      return await askOnce(path, body, signal);
    } catch (error) {
      if (tries === 3 || (error.status !== 503 && error.status !== 429)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 400 * 2 ** tries));
      signal?.throwIfAborted();
    }
  }
}

async function askOnce(path, body, signal) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    const how = { method: body === undefined ? "GET" : "POST", headers, signal, credentials: "omit" };
    answer = await fetch(path, { ...how, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is it still running?");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.error?.message || `The server answered ${answer.status}.`);
  return said;
}

export async function whenAllowed(work, form) {
  // Runs `work`; where a key is asked for, shows the form, and tries again with what is typed there.
  const field = form.querySelector("input"), error = form.querySelector(".error");
  for (;;) {
    try {
      const done = await work();
      form.hidden = true;
      return done;
    } catch (problem) {
      if (problem.status !== 401 && problem.status !== 403) throw problem;
      error.textContent = key ? problem.message : "";
      form.hidden = false;
      field.focus();
      await new Promise((resolve) => {
        form.addEventListener("submit", (event) => {
          event.preventDefault();
          useKey(field.value);
          resolve();
        }, { once: true });
      });
    }
  }
}
