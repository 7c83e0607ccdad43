import { basename } from "node:path";

/** Nomad's own shorthands (https://developer.hashicorp.com/nomad/docs/commands), and where it says a thing in other words. */
const NOMAD: Readonly<Record<string, string>> = {
  run: "job run",
  plan: "job plan",
  validate: "job validate",
  stop: "job stop",
  inspect: "job inspect",
  init: "job init",
  logs: "alloc logs",
  fs: "alloc fs",
  exec: "alloc exec",
  keygen: "operator gossip keyring generate",
  "alloc-status": "alloc status",
  "eval-status": "eval status",
  "node-status": "node status",
  "node-drain": "node drain",
  "server-members": "server members",
  "server-join": "server join",
  "server-force-leave": "server force-leave",
};

/** Where Consul says a thing in other words (https://developer.hashicorp.com/consul/commands). */
const CONSUL: Readonly<Record<string, string>> = {
  snapshot: "operator snapshot",
  "snapshot save": "operator snapshot save -consul",
  "snapshot restore": "operator snapshot restore -consul",
  validate: "config validate",
};

/** By the name of a link: what its command line means here. */
const LINKS: Readonly<Record<string, (words: readonly string[]) => readonly string[]>> = {
  nomad: ([first = "", ...rest]) =>
    readsJobFile([...(own(NOMAD, first)?.split(" ") ?? (first === "" ? [] : [first])), ...rest]),
  consul: (words) => {
    const [first = "", second = "", ...rest] = words;
    const both = own(CONSUL, `${first} ${second}`)?.split(" ");
    return both === undefined
      ? [...(own(CONSUL, first)?.split(" ") ?? words.slice(0, 1)), ...words.slice(1)]
      : [...both, ...rest];
  },
  serf: ([first = "", ...rest]) =>
    /^--?v(?:ersion)?$/.test(first) ? ["version"] : ["serf", ...(first === "" ? [] : [first]), ...rest],
  "consul-template": (words) => ["template", ...words],
  envconsul: (words) => ["envconsul", ...words],
};

/**
 * What the words of a command line mean when the program was called through a link of another tool's name, as busybox does.
 * `calledAs`: the names it may have been called by, as paths; the first that is a tool's decides.
 */
export function wordsAs(calledAs: readonly (string | undefined)[], words: readonly string[]): readonly string[] {
  for (const path of calledAs) {
    const meaning = path === undefined ? undefined : own(LINKS, basename(path));
    if (meaning !== undefined) return meaning(words);
  }
  return words;
}

/** There `-json` says that the job file is JSON, which is seen by itself here; here it would ask for JSON output. */
function readsJobFile(words: readonly string[]): readonly string[] {
  const [noun = "", verb = ""] = words;
  const takesFile = noun === "job" && ["run", "plan", "validate"].includes(verb);
  return takesFile ? words.filter((word) => word !== "-json" && word !== "--json") : words;
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
