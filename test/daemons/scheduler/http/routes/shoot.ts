import fc from "fast-check";

export interface RouteRow {
  readonly method: string;
  /** With `{name}` for each part to fill in. */
  readonly path: string;
}

const METHODS = ["get", "put", "post", "delete"];

/** The rows of an OpenAPI document. */
export function rowsOf(document: { readonly paths: Readonly<Record<string, object>> }): RouteRow[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => METHODS.includes(method))
      .map((method) => ({ method, path })),
  );
}

/** Streams never end; profiles, restoring and reloading are for tests that mean them. */
const LEFT_OUT = /stream|monitor|pprof|snapshot|reload|bootstrap|openapi/;
/** Names that requests really carry, so that schemas are reached. */
const KEYS = [
  "Job",
  "ID",
  "Name",
  "Namespace",
  "TaskGroups",
  "Count",
  "Tasks",
  "Driver",
  "Config",
  "Meta",
  "Items",
  "Lock",
  "TTL",
  "EvalIDs",
  "Filter",
  "Prefix",
  "Text",
  "Context",
  "DrainSpec",
  "Deadline",
  "Target",
  "Rules",
  "Policies",
  "Type",
  "Capabilities",
  "Periodic",
  "Spec",
  "Constraints",
  "RTarget",
  "Operand",
];
const QUERIES = [
  "namespace=*",
  "namespace=%00",
  "index=1&wait=1ms",
  "index=x",
  "filter=((",
  "filter=ID%20matches%20%22(a%2B)%2B%24%22",
  "per_page=-1",
  "per_page=3&next_token=zz",
  "reverse&prefix=%ff",
  "prefix=a",
  "cas=18446744073709551616",
  "cas=1",
  "choose=2|a",
  "lock-acquire",
  "lock-renew&lock-release",
  "stale&consistent",
  "related=maybe",
  "purge=true",
  "type=host",
];

export interface ShootOutcome {
  readonly answered: number;
  readonly failures: readonly string[];
}

/** Sends requests of every shape to every route; a failure is a 5xx other than 501 and 503, or no answer in 20 s. */
export async function shoot(
  base: string,
  rows: readonly RouteRow[],
  { requests, seed }: { readonly requests: number; readonly seed: number },
): Promise<ShootOutcome> {
  const value: fc.Arbitrary<unknown> = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(fc.string({ maxLength: 8 }), fc.double(), fc.boolean(), fc.constant(null), fc.integer()),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...KEYS), tie("tree"), { maxKeys: 5 }),
    ),
  })).tree;
  const word = fc.oneof(fc.constantFrom("default", "x", "..", "a/b", "%", "app"), fc.string({ maxLength: 6 }));
  const request = fc.record({
    row: fc.constantFrom(...rows.filter(({ path }) => !LEFT_OUT.test(path))),
    words: fc.array(word, { minLength: 3, maxLength: 3 }),
    query: fc.option(fc.constantFrom(...QUERIES)),
    body: fc.oneof(
      value.map((each) => JSON.stringify(each)),
      fc.string({ maxLength: 20 }),
    ),
  });
  const failures: string[] = [];
  let answered = 0;
  const work = fc.sample(request, { numRuns: requests, seed }).values();
  const worker = async (): Promise<void> => {
    for (const { row, words, query, body } of work) {
      let next = 0;
      const path = row.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(words[next++ % words.length] ?? "x"));
      const method = row.method.toUpperCase();
      const url = `${base}${path}${query === null ? "" : `?${query}`}`;
      try {
        const init = method === "GET" ? { method } : { method, body };
        const response = await fetch(url, { ...init, signal: AbortSignal.timeout(20_000) });
        const text = await response.text();
        answered += 1;
        if (response.status >= 500 && response.status !== 501 && response.status !== 503) {
          failures.push(`${method} ${url} ${body.slice(0, 200)} -> ${response.status} ${text.slice(0, 200)}`);
        }
      } catch (thrown) {
        failures.push(`${method} ${url} ${body.slice(0, 200)} -> ${String(thrown)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return { answered, failures: failures.slice(0, 5) };
}
