/** Runs in browsers: text goes in as text only. */
export const STATUS_SCRIPT = `"use strict";
const at = (selector) => document.querySelector(selector);
const key = "lares-token";
let timer;

async function call(path, options = {}) {
  const token = sessionStorage.getItem(key) ?? "";
  const headers = { ...(token === "" ? {} : { "X-Nomad-Token": token }) };
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  const text = await answer.text();
  if (!answer.ok) throw Object.assign(new Error(text.trim() || answer.statusText), { status: answer.status });
  return text === "" ? undefined : JSON.parse(text);
}
const put = (path, body) => call(path, { method: "PUT", body: JSON.stringify(body) });
const orNone = (promise) => promise.catch((error) => { if (error.status === 403) throw error; return undefined; });

function make(name, text, more = {}) {
  return Object.assign(document.createElement(name), { textContent: text ?? "" }, more);
}
function tell(problem) {
  at("#problem").hidden = problem === "";
  at("#problem").textContent = problem;
}
function fill(selector, rows, hiddenWhenEmpty = true) {
  const section = at(selector);
  section.hidden = hiddenWhenEmpty && rows.length === 0;
  (section.querySelector("tbody") ?? section.querySelector("ul")).replaceChildren(...rows);
}
const row = (cells) => {
  const made = make("tr");
  made.append(...cells.map(([text, bad]) => make("td", text, bad ? { className: "bad" } : {})));
  return made;
};

async function firmwareOf(node) {
  if (node.Status !== "ready") return "";
  const found = await orNone(call("/v1/client/firmware?node_id=" + encodeURIComponent(node.ID)));
  if (found === undefined) return "";
  const update = found.Update?.State === "failed" ? "; update to " + found.Update.Version + " failed: " + found.Update.Reason : "";
  return found.Version + ", slot " + found.Slot + update + found.Troubles.map((each) => "; " + each).join("");
}

function asking({ Code, Name, Address, Role, State }) {
  const made = make("li");
  made.append(make("code", Code.slice(0, 3) + " " + Code.slice(3)), make("span", Name + " (" + Address + "), as a " + Role));
  if (State !== "waiting") return made.append(make("span", State)), made;
  for (const [text, Approve] of [["Let in", true], ["Refuse", false]]) {
    const button = make("button", text);
    button.onclick = () => put("/v1/cluster/admission/" + Code, { Approve }).then(show, (error) => tell(error.message));
    made.append(button);
  }
  return made;
}

async function show() {
  clearTimeout(timer);
  try {
    const nodes = await call("/v1/nodes");
    const [jobs, admissions, rollout] = await Promise.all([
      orNone(call("/v1/jobs?namespace=*")),
      orNone(call("/v1/cluster/admissions")),
      orNone(call("/v1/operator/firmware/rollout")),
    ]);
    const firmware = await Promise.all(nodes.map(firmwareOf));
    const ready = nodes.filter((node) => node.Status === "ready").length;
    at("#summary").textContent = ready + " of " + nodes.length + " machines ready";
    fill("#asking", (admissions ?? []).map(asking));
    fill("#nodes", nodes.map((node, i) => row([
      [node.Name],
      [node.Drain ? "draining" : node.Status, node.Status !== "ready"],
      [node.SchedulingEligibility === "eligible" ? "takes tasks" : "takes none"],
      [node.Version],
      [firmware[i], /failed|;/.test(firmware[i])],
    ])));
    const living = (jobs ?? []).filter((job) => !job.Stop && job.Status !== "dead");
    fill("#jobs", living.map((job) => row([
      [job.ID],
      [job.Status],
      [String(Object.values(job.JobSummary?.Summary ?? {}).reduce((sum, group) => sum + group.Running, 0))],
    ])));
    fill("#rollout", (rollout?.Nodes ?? []).map((node) => make("li", node.Name + ": " + node.State + (node.Reason === "" ? "" : ", " + node.Reason))));
    if (rollout !== undefined) at("#rollout p").textContent = rollout.State + (rollout.Reason === "" ? "" : ": " + rollout.Reason);
    at("#sign-in").hidden = at("#claim").hidden = true;
    tell("");
  } catch (error) {
    for (const id of ["#asking", "#nodes", "#jobs", "#rollout"]) at(id).hidden = true;
    const locked = error.status === 403;
    at("#summary").textContent = locked ? "Only for those who may" : "It does not answer";
    at("#sign-in").hidden = !locked;
    at("#claim").hidden = !(locked && (await call("/v1/cluster/claim").catch(() => ({}))).Open === true);
    if (locked && sessionStorage.getItem(key) === null) tell("");
    else tell(error.message);
  }
  timer = setTimeout(show, 5000);
}

at("#sign-in-form").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem(key, new FormData(event.target).get("token").trim());
  event.target.reset();
  show();
};
at("#claim-form").onsubmit = (event) => {
  event.preventDefault();
  put("/v1/cluster/claim", { Code: new FormData(event.target).get("code").replaceAll(" ", "") }).then(
    ({ Token }) => {
      sessionStorage.setItem(key, Token);
      at("#token").hidden = false;
      at("#token code").textContent = Token;
      return show();
    },
    (error) => tell(error.message),
  );
};
show();
`;
