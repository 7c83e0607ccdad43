import type { Exposed, RouteProblem } from "../routes/collect.ts";
import { httpLines, serverOptions } from "./http-backend.ts";
import type { Backend, Section, Server } from "./model.ts";
import type { Placed } from "./place.ts";
import { literal } from "./quote.ts";
import type { Store } from "./store.ts";
import { weightsOf } from "./weights.ts";

/** Backends of routes that are still the same; kept by the caller from one time to the next. */
export type KnownBackends = WeakMap<Placed, { readonly of: string; readonly backend: Backend }>;

export interface BackendsOptions {
  readonly store: Store;
  /** Where the store is in the cluster. */
  readonly storeKey: string;
  /** Lines of HAProxy's own in tags are taken over. */
  readonly snippets: boolean;
  readonly known: KnownBackends;
  /** Takes what is found wrong. */
  readonly problems: RouteProblem[];
}

/** One backend for all routes that were placed in it. */
export function backendsOf(placed: readonly Placed[], options: BackendsOptions): readonly Backend[] {
  const { store, snippets, known } = options;
  const authorities = new Map([...store.authorities].map(([name, { commonName }]) => [name, commonName]));
  // What else its lines depend on.
  const of = JSON.stringify([snippets, ...authorities]);
  const found = new Map<string, Backend>();
  for (const one of placed) {
    if (found.has(one.backend)) continue;
    noteWhatIsMissing(one.route, options);
    const before = known.get(one);
    const backend = before?.of === of ? before.backend : backendOf(one, { authorities, snippets });
    if (backend !== before?.backend) known.set(one, { of, backend });
    found.set(one.backend, backend);
  }
  return [...found.values()];
}

function noteWhatIsMissing(
  { key, services, options }: Exposed,
  { store, storeKey, snippets, problems }: BackendsOptions,
): void {
  const [service = ""] = services;
  if (options.snippets !== undefined && !snippets)
    problems.push({
      service,
      code: "ingress_snippet",
      message: `${key} has lines of HAProxy's own, which this ingress does not take`,
      hint: "start it with snippets allowed, or leave them out",
    });
  for (const ca of [options.clientCa, options.upstream?.ca])
    if (ca !== undefined && ca !== "" && !store.authorities.has(ca))
      problems.push({
        service,
        code: "ingress_no_ca",
        message: `${key} names the authority ${ca}, which is not there`,
        hint: `put its certificate into the key ${storeKey}/ca/${ca}`,
      });
}

interface Around {
  readonly authorities: ReadonlyMap<string, string>;
  readonly snippets: boolean;
}

function backendOf({ route, backend: name }: Placed, { authorities, snippets }: Around): Backend {
  const { match, options, services } = route;
  return {
    name,
    label: services
      .join(" ")
      .replaceAll(/[^\x20-\x7e]/g, "?")
      .slice(0, 200),
    lines:
      match.kind === "http"
        ? httpLines(options, { name, services, hosts: [], authorities, snippets })
        : ["mode tcp", `balance ${options.balance ?? "leastconn"}`],
    serverOptions: serverOptions(options, authorities),
    servers: serversOf(route),
  };
}

function serversOf({ members, options }: Exposed): readonly Server[] {
  const ready = options.maintenance === true ? [] : members.filter(({ instance }) => instance.passing);
  const weights = weightsOf(ready);
  return ready.map(({ instance, share }, at) => {
    const port = share.port || instance.port;
    return { key: `${instance.address} ${port}`, address: instance.address, port, weight: weights[at] ?? 1 };
  });
}

/** Who may, for each backend that asks for a name and a password. */
export function userLists(placed: readonly Placed[], { users }: Store, problems: RouteProblem[]): readonly Section[] {
  const lists = new Map<string, Section>();
  for (const { route, backend } of placed) {
    const { usersFrom, users: own } = route.options;
    if ((usersFrom === undefined && own === undefined) || lists.has(backend)) continue;
    const all = [...(own ?? []), ...(usersFrom === undefined ? [] : (users.get(usersFrom) ?? []))];
    if (all.length === 0)
      problems.push({
        service: route.services[0] ?? "",
        code: "ingress_no_users",
        message: `${route.key} lets nobody in: the list ${usersFrom ?? ""} is empty or not there`,
        hint: "write lines of name:hash into its key",
      });
    const lines = [...new Map(all.map((entry) => [entry.split(":")[0] ?? "", entry]))].map(
      ([name, entry]) => `user ${name} password ${literal(entry.slice(name.length + 1))}`,
    );
    lists.set(backend, { head: `userlist users-${backend}`, lines });
  }
  return [...lists.values()];
}
