import { fail, succeed, type Result } from "#base/env/errors.ts";
import { parseSize } from "#base/language/size.ts";

/** A kind of node to add to the cluster in thought, as the API reads it. */
export interface ImaginedNode {
  Arch?: string;
  CPU?: number;
  Cores?: number;
  MemoryMB?: number;
  DiskMB?: number;
  NodeClass?: string;
  Datacenter?: string;
  NodePool?: string;
  Drivers: string[];
  HostVolumes: string[];
  Attributes: Record<string, string>;
  Meta: Record<string, string>;
  Count?: number;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: "amd64",
  x86_64: "amd64",
  arm64: "arm64",
  aarch64: "arm64",
};
const EXPECTED =
  "expected amd64 or arm64, a memory size such as 4GB, or cpu=MHZ, cores=, disk=SIZE, class=, dc=, pool=, driver=, volume=, meta.KEY=, attr.KEY=, count=";

/** `arm64,4GB,disk=50GB,meta.rack=r1` → a kind of node. A GB of memory or disk is 1024 MB, as nodes count theirs. */
export function parseImaginedNode(spec: string): Result<ImaginedNode> {
  const node: ImaginedNode = { Drivers: [], HostVolumes: [], Attributes: {}, Meta: {} };
  for (const part of spec.split(",").map((each) => each.trim())) {
    const at = part.indexOf("=");
    const wrong = at < 0 ? bareWord(node, part) : setting(node, part.slice(0, at).trim(), part.slice(at + 1).trim());
    if (wrong !== undefined) return fail("bad_node", `-with ${JSON.stringify(spec)}: ${wrong}`, EXPECTED);
  }
  return succeed(node);
}

function bareWord(node: ImaginedNode, word: string): string | undefined {
  const arch = ARCHITECTURES[word.toLowerCase()];
  if (arch !== undefined) {
    node.Arch = arch;
    return undefined;
  }
  return size(word, (megabytes) => (node.MemoryMB = megabytes)) ?? undefined;
}

function setting(node: ImaginedNode, key: string, value: string): string | undefined {
  if (value === "") return `${JSON.stringify(key)} has no value`;
  const [, map, name] = /^(meta|attr)\.(.+)$/.exec(key) ?? [];
  if (name !== undefined) {
    (map === "meta" ? node.Meta : node.Attributes)[name] = value;
    return undefined;
  }
  switch (key) {
    case "cpu":
      return whole(key, value, (mhz) => (node.CPU = mhz));
    case "cores":
      return whole(key, value, (cores) => (node.Cores = cores));
    case "count":
      return whole(key, value, (count) => (node.Count = count));
    case "memory":
      return size(value, (megabytes) => (node.MemoryMB = megabytes));
    case "disk":
      return size(value, (megabytes) => (node.DiskMB = megabytes));
    default:
      return word(node, key, value);
  }
}

function word(node: ImaginedNode, key: string, value: string): string | undefined {
  if (key === "class") node.NodeClass = value;
  else if (key === "dc") node.Datacenter = value;
  else if (key === "pool") node.NodePool = value;
  else if (key === "driver") node.Drivers.push(value);
  else if (key === "volume") node.HostVolumes.push(value);
  else if (key === "arch") return bareWord(node, value);
  else return `${JSON.stringify(key)} is no property of a node`;
  return undefined;
}

function whole(key: string, value: string, take: (number: number) => void): string | undefined {
  if (!/^[1-9]\d{0,8}$/.test(value)) return `${key} is no whole number above 0: ${JSON.stringify(value)}`;
  take(Number(value));
  return undefined;
}

/** Marketing sizes: what is sold as 4 GB is 4096 MB to whoever counts memory. */
function size(value: string, take: (megabytes: number) => void): string | undefined {
  const bytes = parseSize(value.replace(/([kmgt])b?$/i, "$1iB"));
  if (!bytes.ok || !/[a-z]$/i.test(value)) return `${JSON.stringify(value)} is no size`;
  const megabytes = Math.round(bytes.value / 1024 ** 2);
  if (megabytes < 1 || megabytes > 1e9) return `${JSON.stringify(value)} is no size a node has`;
  take(megabytes);
  return undefined;
}
