import type { MakeKey } from "./certificate-functions.ts";
import type { Random } from "#base/env/random.ts";
import {
  all,
  ANY,
  f1,
  f2,
  oneAndAll,
  STRING,
  type Defined,
  type Outcome,
} from "#base/language/go-template/functions/define.ts";
import { quote } from "#base/language/go-template/format/quote.ts";
import { parseGoUint } from "#base/language/go-template/functions/text/strconv.ts";
import { trimSpace } from "#base/language/go-template/functions/text/trim.ts";
import { floorSeconds, formatTime, RFC3339 } from "#base/language/go-template/functions/time/format-time.ts";
import { UTC, type Zones } from "#base/language/go-template/functions/time/zone.ts";
import { variadic } from "#base/language/go-template/function.ts";
import { GoError } from "#base/language/go-template/value.ts";
import { parseFile } from "../dependencies/parse-dependency.ts";
import type { InterfaceInput } from "./sockaddr/interface-address.ts";
import { evaluateSockaddr } from "./sockaddr/sockaddr-functions.ts";
import { spewDump, spewFormat } from "./spew.ts";
import { ask, type Sources } from "./sources.ts";

/** What functions need of the machine that renders. */
export interface TemplateHost {
  readonly nowMs: () => number;
  /** `Local` is the machine's own zone. */
  readonly zones: Zones;
  readonly random: Random;
  /** Undefined: keys cannot be made here. */
  readonly makeKey?: MakeKey | undefined;
  readonly variable: (name: string) => string | undefined;
  /** Whether `file` may read this path: always where there is no sandbox. Links have to be followed. */
  readonly isAllowed: (path: string) => boolean;
  /** Runs a program and waits; undefined where plugins cannot run. */
  readonly plugin: ((name: string, args: readonly string[]) => PluginResult) | undefined;
  /** What a template wants written beside its own file; carried out once its rendering counts. */
  readonly write: (file: FileWrite) => void;
  /** The addresses of the machine's network interfaces. */
  readonly interfaces: () => readonly InterfaceInput[];
  /** Text for the standard output (`spew_dump`). */
  readonly print: (text: string) => void;
}

export interface PluginResult {
  /** Undefined: it ended with exit code 0. */
  readonly error: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FileWrite {
  readonly path: string;
  readonly content: string;
  /** Names or numbers; empty: as the program's. */
  readonly user: string;
  readonly group: string;
  readonly mode: number;
  readonly append: boolean;
}

/** consul-template's functions that look at the machine (docs/templating-language.md, "Helper Functions"). */
export function hostFunctions(host: TemplateHost, sources: Sources): readonly Defined[] {
  return [
    f1("env", [STRING], (name) => host.variable(name) ?? ""),
    f1("mustEnv", [STRING], (name) => {
      const value = host.variable(name) ?? "";
      return value === "" ? new GoError(`required environment variable ${name} is empty`) : value;
    }),
    f2("envOrDefault", [STRING, STRING], (name, fallback) => host.variable(name) ?? fallback),
    f1("file", [STRING], (path) => {
      if (path === "") return "";
      if (!host.isAllowed(path)) return new GoError(`'${path}' is outside of sandbox`);
      return ask(sources, parseFile(path), { empty: "", read: (content) => content ?? "" });
    }),
    all("timestamp", STRING, (layouts) => timestamp(host.nowMs(), layouts)),
    {
      name: "executeTemplate",
      value: variadic([STRING], ANY, ([name], data, context) =>
        data.length > 1
          ? new GoError(`executeTemplate: wrong number of arguments, expected 1 or 2, but got ${data.length + 1}`)
          : executed(name, context.render(name, data[0] ?? null)),
      ),
    },
    oneAndAll("plugin", [STRING, STRING], (name, args) => plugin(host, name, args)),
    {
      name: "writeToFile",
      value: variadic([STRING, STRING, STRING, STRING], STRING, (fixed, rest) =>
        writeToFile(host, [...fixed, ...rest]),
      ),
    },
    all("sockaddr", STRING, (words) => evaluateSockaddr(words.join(" "), host.interfaces)),
    all("spew_dump", ANY, (values) => shown(host, spewDump(values))),
    all("spew_sdump", ANY, spewDump),
    oneAndAll("spew_printf", [STRING, ANY], (format, values) => shown(host, spewFormat(format, values))),
    oneAndAll("spew_sprintf", [STRING, ANY], spewFormat),
  ];
}

/** consul-template has other words for a template that is not there. */
function executed(name: string, rendered: string | GoError): Outcome {
  const missing = rendered instanceof GoError && rendered.message === `template ${quote(name)} not defined`;
  return missing ? new GoError(`template: no template ${quote(name)} associated with template ""`) : rendered;
}

function timestamp(nowMs: number, layouts: readonly string[]): Outcome {
  if (layouts.length > 1)
    return new GoError(`timestamp: wrong number of arguments, expected 0 or 1, but got ${layouts.length}`);
  const now = { unixNs: BigInt(nowMs) * 1_000_000n, zone: UTC };
  return layouts[0] === "unix" ? String(floorSeconds(now.unixNs)) : formatTime(now, layouts[0] ?? RFC3339);
}

function plugin(host: TemplateHost, name: string, args: readonly string[]): Outcome {
  if (name === "") return "";
  if (host.plugin === undefined) return new GoError(`exec "${name}": plugins cannot run here`);
  const given = args.map(trimSpace).filter((arg) => arg !== "");
  const { error, stdout, stderr } = host.plugin(name, given);
  if (error === undefined) return trimSpace(stdout);
  return new GoError(`exec "${name}": ${error}\n\nstdout:\n\n${stdout}\n\nstderr:\n\n${stderr}`);
}

/** `writeToFile path user group mode [flags] content`. */
function writeToFile(host: TemplateHost, args: readonly string[]): Outcome {
  const [path = "", user = "", group = "", permissions = ""] = args;
  const flags = args.length === 6 ? (args[4] ?? "") : "";
  const mode = parseGoUint(permissions, 8);
  if (!mode.ok) return new GoError(mode.error.message);
  if (args.length < 5) return new GoError("writeToFile: there is no content, the last argument has to be it");
  if (!host.isAllowed(path)) return new GoError(`'${path}' is outside of sandbox`);
  const newline = flags.includes("newline") ? "\n" : "";
  host.write({
    path,
    content: (args.at(-1) ?? "") + newline,
    user,
    group,
    mode: Number(mode.value & 0o7777n),
    append: flags.includes("append"),
  });
  return "";
}

function shown(host: TemplateHost, text: string): string {
  host.print(text);
  return "";
}
