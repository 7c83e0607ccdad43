import type { Env } from "#base/env/env.ts";
import { readText } from "./read-text.ts";

export interface SystemFacts {
  readonly memoryBytes: number;
  readonly kernelVersion: string;
  readonly osName: string;
  readonly osVersion: string;
  /** 1 or 2; undefined: none. */
  readonly cgroups: 1 | 2 | undefined;
}

export async function systemFacts(env: Env): Promise<SystemFacts> {
  const memory = /^MemTotal:\s+(\d+) kB/m.exec((await readText(env, "/proc/meminfo")) ?? "");
  const release = parseOsRelease((await readText(env, "/etc/os-release")) ?? "");
  const unified = (await env.disk.stat("/sys/fs/cgroup/cgroup.controllers")) !== undefined;
  const split = (await env.disk.stat("/sys/fs/cgroup/memory")) !== undefined;
  return {
    memoryBytes: Number(memory?.[1] ?? 0) * 1024,
    kernelVersion: ((await readText(env, "/proc/sys/kernel/osrelease")) ?? "").trim(),
    osName: release["ID"] ?? "linux",
    osVersion: release["VERSION_ID"] ?? "",
    cgroups: unified ? 2 : split ? 1 : undefined,
  };
}

/** os-release(5): shell-like assignments, one a line. */
export function parseOsRelease(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z0-9_]+)=(?:"(.*)"|'(.*)'|(.*))$/gm)].map((found) => [
      found[1] ?? "",
      found[2] ?? found[3] ?? found[4] ?? "",
    ]),
  );
}
