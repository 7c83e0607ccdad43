import { connect } from "node:net";

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
}

export interface FuzzOutcome {
  readonly answered: number;
  /** Requests that got a 5xx other than 501 and 503, with the answer. */
  readonly failures: readonly string[];
}

const METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "LIST", "BREW"];
const PATHS = [
  "/v1/jobs",
  "/v1/jobs/parse",
  "/v1/jobs/statuses",
  "/v1/job/x",
  "/v1/job/x/plan",
  "/v1/job/x/scale",
  "/v1/job/x/allocations",
  "/v1/validate/job",
  "/v1/nodes",
  "/v1/node/x",
  "/v1/node/x/drain",
  "/v1/node/x/eligibility",
  "/v1/allocations",
  "/v1/allocation/x",
  "/v1/allocation/x/stop",
  "/v1/client/fs/logs/x",
  "/v1/client/fs/ls/x",
  "/v1/client/fs/cat/x",
  "/v1/client/stats",
  "/v1/client/allocation/x/stats",
  "/v1/evaluations",
  "/v1/evaluation/x",
  "/v1/deployments",
  "/v1/deployment/x",
  "/v1/search",
  "/v1/search/fuzzy",
  "/v1/operator/scheduler/configuration",
  "/v1/agent/self",
  "/v1/agent/health",
  "/v1/kv/a",
  "/v1/kv/a/b",
  "/v1/txn",
  "/v1/session/create",
  "/v1/session/list",
  "/v1/session/info/x",
  "/v1/catalog/services",
  "/v1/catalog/service/x",
  "/v1/catalog/register",
  "/v1/catalog/deregister",
  "/v1/health/service/x",
  "/v1/health/state/any",
  "/v1/agent/service/register",
  "/v1/agent/check/register",
  "/v1/agent/check/update/x",
  "/v1/agent/services",
  "/v1/agent/maintenance",
  "/v1/status/leader",
];
const QUERIES = [
  "index=1&wait=1ms",
  "index=-1",
  "index=99999999999999999999&wait=1ms",
  "wait=1x",
  "filter=a==b",
  "filter=((",
  "filter=ID%20matches%20%22(a%2B)%2B%22",
  "prefix=%ff",
  "per_page=-1",
  "per_page=1&next_token=%00",
  "stale",
  "consistent&stale",
  "pretty",
  "recurse&keys&raw",
  "cas=x",
  "cas=18446744073709551616",
  "acquire=x",
  "namespace=*",
  "namespace=%2e%2e",
  "path=../../../../etc/passwd",
  "passing=2",
  "offset=-1&limit=-1",
  "type=stdout&task=t&origin=x",
];
const BODIES = [
  "",
  "{}",
  "[]",
  "null",
  "0",
  '"x"',
  "{",
  '{"Job":null}',
  '{"Job":{"ID":"../../x"}}',
  '{"Job":{"ID":"x","TaskGroups":[{"Name":null}]}}',
  '{"JobHCL":"job \\"x\\" {","Canonicalize":true}',
  '{"Name":"","Port":-1}',
  '{"ID":"x","Name":"x","Port":99999999}',
  '[{"KV":{"Verb":"set","Key":"a"}}]',
  '[{"KV":{"Verb":"nope"}}]',
  `${"[".repeat(5000)}${"]".repeat(5000)}`,
  '{"__proto__":{"x":1},"constructor":{}}',
  "\u0000\u0001\u00ff",
];
/** What is sent instead of a request, now and then. */
const GARBAGE = [
  "\r\n\r\n",
  "GET\r\n\r\n",
  "GET /\u0000 HTTP/1.1\r\n\r\n",
  "\u0016\u0003\u0001",
  "GET / HTTP/9.9\r\n\r\n",
];

/** Sends random requests, eight at a time, each over a connection of its own; the same seed sends the same ones. */
export async function fuzzHttp(bases: readonly string[], { requests, seed }: FuzzOptions): Promise<FuzzOutcome> {
  let state = seed;
  // A linear congruential generator: constants of Numerical Recipes.
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = (from: readonly string[]): string => from[next(from.length)] ?? "";
  const failures: string[] = [];
  let answered = 0;
  let left = requests;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const url = new URL(pick(bases));
      const { text, isWhole } =
        next(20) === 0 ? { text: pick(GARBAGE), isWhole: false } : requestText({ url, pick, next });
      const answer = await exchange(Number(url.port), text, isWhole ? PATIENCE_MS : IMPATIENCE_MS);
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
      if (status > 0) answered += 1;
      if (status >= 500 && status !== 501 && status !== 503)
        failures.push(`${text.slice(0, 300)} -> ${answer.slice(-300)}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  return { answered, failures };
}

interface Dice {
  readonly url: URL;
  readonly pick: (from: readonly string[]) => string;
  readonly next: (below: number) => number;
}

function requestText({ url, pick, next }: Dice): { readonly text: string; readonly isWhole: boolean } {
  const method = pick(METHODS);
  const path =
    next(4) === 0 ? `${pick(PATHS)}/${pick(["%2e%2e", "x", "%00", "%ff", "a%2fb", "x".repeat(300)])}` : pick(PATHS);
  const query = next(2) === 0 ? "" : `?${pick(QUERIES)}&${pick(QUERIES)}`;
  const body = Buffer.from(pick(BODIES));
  const length = next(15) === 0 ? body.length + 10 : body.length;
  const type = pick(["application/json", "text/plain", "multipart/form-data", "application/json; charset=utf-16"]);
  const head = [
    `${method} ${path}${query} HTTP/1.1`,
    `host: ${url.host}`,
    "connection: close",
    `content-type: ${type}`,
  ];
  if (next(10) === 0) head.push(`x-nomad-token: ${"t".repeat(next(3000))}`);
  if (next(20) === 0) head.push("accept-encoding: gzip");
  const text = `${[...head, `content-length: ${length}`].join("\r\n")}\r\n\r\n${body.toString("latin1")}`;
  return { text, isWhole: length === body.length };
}

/** What a busy agent may take for an answer. */
const PATIENCE_MS = 10_000;
/** A request that promises more than it sends, and what is none, is left there soon. */
const IMPATIENCE_MS = 300;

function exchange(port: number, text: string, patienceMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from(text, "latin1")));
    let answer = "";
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on("data", (data) => (answer += data.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}
