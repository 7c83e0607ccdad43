import { compilePattern } from "#base/language/pattern.ts";
import type { Checks } from "./check-tables.ts";
import type { Live, Subject } from "./subject.ts";

export interface Outcome {
  /** As in the file: `file /usr/bin/lares`. */
  readonly resource: string;
  /** `skipped`: a tree cannot tell. */
  readonly result: "passed" | "failed" | "skipped";
  /** What is not as it has to be; empty otherwise. */
  readonly problem: string;
}

/** Where the build leaves the list of packages: `name version` in lines. */
export const PACKAGES = "/usr/lib/lares/packages";

/** Looks at everything a file of checks names. */
export async function evaluate(checks: Checks, subject: Subject): Promise<readonly Outcome[]> {
  const found: Outcome[] = [];
  const tell = (kind: string, name: string, problems: readonly (string | undefined)[] | undefined): void => {
    const wrong = problems?.filter((each) => each !== undefined) ?? [];
    const result = problems === undefined ? "skipped" : wrong.length === 0 ? "passed" : "failed";
    found.push({ resource: `${kind} ${name}`, result, problem: wrong.join("; ") });
  };
  for (const each of checks.file) tell("file", each.name, await fileProblems(each, subject));
  const packages = (await subject.text(PACKAGES)) ?? "";
  for (const each of checks.package) tell("package", each.name, packageProblems(each, packages));
  for (const each of checks.service) tell("service", each.name, await serviceProblems(each, subject));
  const users = (await subject.text("/etc/passwd")) ?? "";
  for (const each of checks.user) tell("user", each.name, userProblems(each, users));
  const { live } = subject;
  for (const each of checks.port) tell("port", each.name, live && (await portProblems(each, subject)));
  for (const each of checks.mount) tell("mount", each.name, live && (await mountProblems(each, subject)));
  for (const each of checks.command) tell("command", each.name, live && (await commandProblems(each, live)));
  for (const each of checks.kernel) tell("kernel", each.name, live && (await kernelProblems(each, subject)));
  for (const each of checks.interface) tell("interface", each.name, live && interfaceProblems(each, live));
  return found;
}

type Of<K extends keyof Checks> = Exclude<Checks[K], string>[number];

async function fileProblems(file: Of<"file">, subject: Subject): Promise<readonly (string | undefined)[]> {
  const facts = await subject.stat(file.name);
  if (facts === undefined || !file.exists) return [differs("exists", facts !== undefined, file.exists)];
  const wanted = file.mode?.padStart(4, "0");
  return [
    wanted === undefined ? undefined : differs("mode", facts.mode, wanted),
    file.target === undefined ? undefined : differs("target", facts.target ?? "no link", file.target),
    file.contains === undefined ? undefined : lacks((await subject.text(file.name)) ?? "", file.contains),
  ];
}

function packageProblems({ name, version, installed }: Of<"package">, listed: string): readonly (string | undefined)[] {
  const found = listed.split("\n").find((line) => line.startsWith(`${name} `));
  const has = found !== undefined;
  if (!has || !installed) return [differs("installed", has, installed)];
  return [version === undefined ? undefined : differs("version", found.slice(name.length + 1), version)];
}

async function serviceProblems(service: Of<"service">, subject: Subject): Promise<readonly (string | undefined)[]> {
  const { name, enabled, masked, running } = service;
  const facts = await subject.unit(name);
  return [
    enabled === undefined ? undefined : differs("enabled", facts.enabled, enabled),
    masked === undefined ? undefined : differs("masked", facts.masked, masked),
    running === undefined || subject.live === undefined
      ? undefined
      : differs("running", await subject.live.running(name), running),
  ];
}

function userProblems({ name, uid }: Of<"user">, passwd: string): readonly (string | undefined)[] {
  const line = passwd.split("\n").find((each) => each.startsWith(`${name}:`));
  if (line === undefined) return ["there is no such user"];
  return [uid === undefined ? undefined : differs("uid", Number(line.split(":")[2]), uid)];
}

/** proc(5): the local address's port in hexadecimal; 0A: it listens. */
async function portProblems(
  { name, listening }: Of<"port">,
  subject: Subject,
): Promise<readonly (string | undefined)[]> {
  const [protocol = "tcp", port = ""] = name.includes(":") ? name.split(":") : ["tcp", name];
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  const pattern = protocol === "tcp" ? `:${hex} [0-9A-F]+:0000 0A ` : `:${hex} [0-9A-F]+:0000 `;
  const tables = [await subject.text(`/proc/net/${protocol}`), await subject.text(`/proc/net/${protocol}6`)];
  const found = tables.some((table) => new RegExp(pattern).test(table ?? ""));
  return [differs("listening", found, listening)];
}

async function mountProblems(mount: Of<"mount">, subject: Subject): Promise<readonly (string | undefined)[]> {
  const lines = ((await subject.text("/proc/mounts")) ?? "").split("\n").map((line) => line.split(" "));
  const found = lines.findLast(([, at]) => at === mount.name);
  if (found === undefined) return ["nothing is mounted there"];
  const [, , type, options = ""] = found;
  const missing = mount.options.filter((each) => !options.split(",").includes(each));
  return [
    mount.type === undefined ? undefined : differs("type", type, mount.type),
    missing.length === 0 ? undefined : `options ${options}, expected ${missing.join(", ")}`,
  ];
}

async function commandProblems(
  { name, exit, prints }: Of<"command">,
  live: Live,
): Promise<readonly (string | undefined)[]> {
  const { code, stdout } = await live.run(name);
  return [differs("exit", code, exit), prints === undefined ? undefined : lacks(stdout, prints)];
}

async function kernelProblems(
  { name, value }: Of<"kernel">,
  subject: Subject,
): Promise<readonly (string | undefined)[]> {
  const found = await subject.text(`/proc/sys/${name.replaceAll(".", "/")}`);
  return [differs("value", found?.trim().replaceAll(/\s+/g, " "), value)];
}

function interfaceProblems({ name, address }: Of<"interface">, live: Live): readonly (string | undefined)[] {
  const fits = (each: string): boolean => (name.endsWith("*") ? each.startsWith(name.slice(0, -1)) : each === name);
  const found = live.interfaces().filter((each) => fits(each.name));
  if (found.length === 0) return ["there is none that is up"];
  const has = found.some(({ hasAddress }) => hasAddress);
  return [address === undefined ? undefined : differs("address", has, address)];
}

function differs(what: string, found: unknown, expected: unknown): string | undefined {
  return found === expected ? undefined : `${what} is ${String(found)}, expected ${String(expected)}`;
}

function lacks(text: string, pattern: string): string | undefined {
  const compiled = compilePattern(`(?m)${pattern}`);
  if (!compiled.ok) return compiled.error.message;
  return compiled.value.matcher(text).find() ? undefined : `/${pattern}/ was not found`;
}
