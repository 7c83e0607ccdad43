import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import * as v from "valibot";
import packageGroups from "./packages.json" with { type: "json" };

/** One thing a machine needs. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
  /** The exact command or step; empty when it is there. */
  readonly remedy: string;
  /** The Debian package that brings it, for `lares setup`. */
  readonly package: string | undefined;
}

const PackagesSchema = v.record(
  v.string(),
  v.array(v.object({ package: v.string(), files: v.array(v.string()), for: v.string(), on: v.optional(v.string()) })),
);

const TRIPLETS: Readonly<Record<string, string>> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
const LEAST_FREE_BYTES = 1024 ** 3;

/** Looks at this machine. Changes nothing. */
export function examine(): readonly Finding[] {
  return [...packages(), root(), cgroups(), memoryCgroup(), space()];
}

function packages(): readonly Finding[] {
  const groups = v.parse(PackagesSchema, packageGroups);
  const triplet = TRIPLETS[process.arch] ?? "";
  return (groups["run"] ?? [])
    .filter((entry) => entry.on === undefined || entry.on === process.arch)
    .map((entry) => {
      const found = entry.files.map((file) => file.replace("{triplet}", triplet)).find((file) => existsSync(file));
      return {
        what: entry.package,
        ok: found !== undefined,
        detail: found === undefined ? `needed for ${entry.for}` : `${entry.for} (${found})`,
        remedy: found === undefined ? `apt-get install --no-install-recommends ${entry.package}` : "",
        package: entry.package,
      };
    });
}

function root(): Finding {
  const ok = process.getuid?.() === 0;
  const detail = ok ? "running as root" : "not root: no Docker engine of our own, no task users, no ports below 1024";
  return {
    what: "root",
    ok,
    detail,
    remedy: ok ? "" : "run as root, or let the lares service run the agent",
    package: undefined,
  };
}

function cgroups(): Finding {
  const version = existsSync("/sys/fs/cgroup/cgroup.controllers")
    ? "2"
    : existsSync("/sys/fs/cgroup/memory")
      ? "1"
      : "";
  return {
    what: "cgroups",
    ok: version !== "",
    detail: version === "" ? "not mounted: tasks have no limits, and a stop may miss a process" : `version ${version}`,
    remedy: version === "" ? "mount -t cgroup2 none /sys/fs/cgroup" : "",
    package: undefined,
  };
}

/** Raspberry Pi kernels start with the memory controller switched off. */
function memoryCgroup(): Finding {
  const v2 = readIfThere("/sys/fs/cgroup/cgroup.controllers");
  const ok =
    v2 === undefined ? existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes") : v2.split(/\s/).includes("memory");
  return {
    what: "memory limits",
    ok,
    detail: ok ? "the memory controller is on" : "the kernel's memory controller is off: tasks' memory is not limited",
    remedy: ok
      ? ""
      : "add cgroup_enable=memory to the kernel command line (/boot/firmware/cmdline.txt on a Raspberry Pi) and reboot",
    package: undefined,
  };
}

function space(): Finding {
  const folder = writable("/var/lib") ? "/var/lib" : tmpdir();
  const { bavail, bsize } = statfsSync(folder);
  const ok = bavail * bsize >= LEAST_FREE_BYTES;
  return {
    what: "disk space",
    ok,
    detail: `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB free in ${folder}`,
    remedy: ok ? "" : "free at least 1 GiB, or choose another data_dir",
    package: undefined,
  };
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
