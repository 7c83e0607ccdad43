/** One call to a key, as its caller saw it. `start` and `end` are instants of one clock; an unanswered call never ends. */
export interface KeyCall {
  readonly start: number;
  readonly end: number;
  readonly does:
    | { readonly kind: "get"; readonly value: string }
    /** `unknown`: nobody said whether it took place. */
    | { readonly kind: "put"; readonly value: string; readonly unknown: boolean }
    | { readonly kind: "cas"; readonly expected: string; readonly value: string; readonly ok: boolean | undefined };
}

/** States that are tried before the search gives up, which counts as a violation of its own. */
const MAX_STATES = 200_000;

/**
 * Whether the calls can be put in one order that each caller's view agrees with: every call somewhere between its start and its
 * end, a get showing what was last put ('' before that). After Wing and Gong, "Testing and Verifying Concurrent Objects" (1993),
 * with Lowe's cache of configurations. Undefined: they can.
 */
export function notLinearizable(calls: readonly KeyCall[]): string | undefined {
  const sorted = withoutIdle(calls).toSorted((a, b) => a.start - b.start);
  const seen = new Set<string>();
  const stack: State[] = [{ done: new Set(), value: "" }];
  let best = 0;
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    const { done, value } = state;
    const left = sorted.flatMap((call, i) => (done.has(i) ? [] : [{ call, i }]));
    const mustCome = left.filter(({ call }) => call.end !== Number.POSITIVE_INFINITY);
    if (mustCome.length === 0) return undefined;
    best = Math.max(best, done.size);
    const firstEnd = Math.min(...mustCome.map(({ call }) => call.end));
    // What ended before one began comes first.
    const able = left.filter(({ call }) => call.start <= firstEnd);
    // A get changes nothing: where it fits it can come at once, and nothing else has to be tried there.
    const fitting = able.find(({ call: { does } }) => does.kind === "get" && does.value === value);
    for (const { call, i } of fitting === undefined ? able : [fitting]) {
      for (const next of outcomes(call, value)) {
        const after = new Set(done).add(i);
        const key = `${[...after].toSorted((a, b) => a - b).join(",")}|${next}`;
        if (seen.has(key)) continue;
        seen.add(key);
        if (seen.size > MAX_STATES) return `no order found in ${MAX_STATES} states`;
        stack.push({ done: after, value: next });
      }
    }
  }
  return `${calls.length} calls have no order; the longest that is one has ${best}: ${JSON.stringify(sorted[best])}`;
}

interface State {
  readonly done: ReadonlySet<number>;
  readonly value: string;
}

/** Unanswered puts of what nobody saw or expected need not have taken place: with them or without, the order is the same. */
function withoutIdle(calls: readonly KeyCall[]): KeyCall[] {
  const wanted = new Set(
    calls.flatMap(({ does }) => (does.kind === "get" ? [does.value] : does.kind === "cas" ? [does.expected] : [])),
  );
  const hasCas = calls.some(({ does }) => does.kind === "cas");
  return calls.filter(({ does }) => hasCas || does.kind !== "put" || !does.unknown || wanted.has(does.value));
}

/** What the key may hold after the call, where it can come now at all. */
function outcomes({ does, end }: KeyCall, value: string): readonly string[] {
  if (does.kind === "get") return does.value === value ? [value] : [];
  // One that never ends need not come at all, which is the same as having no effect.
  const mayIdle = end !== Number.POSITIVE_INFINITY;
  if (does.kind === "put") return does.unknown && mayIdle ? [does.value, value] : [does.value];
  const matches = value === does.expected;
  if (does.ok === undefined) return matches ? (mayIdle ? [does.value, value] : [does.value]) : mayIdle ? [value] : [];
  if (does.ok !== matches) return [];
  return [matches ? does.value : value];
}
