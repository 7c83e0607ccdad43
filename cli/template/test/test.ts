import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { compileTemplate, type CompiledTemplate } from "#base/client/templates/compile.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { TemplateFailure } from "#base/language/go-template/template.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { renderDiagnostic } from "#base/language/hcl/diagnostic.ts";
import { createTemplateHost } from "#base/platform/template-host.ts";
import { systemClock } from "#base/platform/clock.ts";
import { createSystemRandom } from "#base/platform/random.ts";
import { UsageError, type FlagValues, type Output, type RunCommand } from "../../command/command.ts";
import { answerTo } from "./answers.ts";
import { readTestData, type TestData } from "./data.ts";
import { lineDiff } from "./line-diff.ts";

const WATCH_EVERY_MS = 300;

/** Renders a template with data from a file. Exit code 0: as expected, 1: not, or it cannot be rendered. */
export const templateTest: RunCommand = async ({ operands, flags, environment, output }) => {
  const [file] = operands;
  if (file === undefined || operands.length !== 1) throw new UsageError("name one template");
  const paths = [file, ...[flags.value("data"), flags.value("expect")].flatMap((path) => path ?? [])];
  const run = (): number => {
    try {
      return renderOnce(file, { flags, environment, output });
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      output.error(thrown.message);
      return 1;
    }
  };
  if (!flags.on("watch")) return run();
  let seen = "";
  let stopped = false;
  const stop = (): void => void (stopped = true);
  process.once("SIGINT", stop).once("SIGTERM", stop);
  while (!stopped) {
    const now = paths.map(mark).join(" ");
    if (now !== seen) {
      seen = now;
      if (output.terminal) output.write("\x1b[2J\x1b[H");
      run();
    }
    await new Promise((wake) => setTimeout(wake, WATCH_EVERY_MS));
  }
  process.off("SIGINT", stop).off("SIGTERM", stop);
  return 0;
};

interface Testing {
  readonly flags: FlagValues;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
}

function renderOnce(file: string, { flags, environment, output }: Testing): number {
  const text = textOf(file);
  const dataFile = flags.value("data");
  const data = readTestData({ name: dataFile ?? "no data", text: dataFile === undefined ? "{}" : textOf(dataFile) });
  const compiled = compileTemplate({
    name: file,
    text,
    leftDelim: flags.value("left-delimiter") ?? "",
    rightDelim: flags.value("right-delimiter") ?? "",
    errorOnMissingKey: flags.on("error-on-missing-key"),
    denylist: [],
    destination: "",
    namespace: "default",
    host: createTemplateHost({
      random: createSystemRandom(),
      nowMs: () => systemClock.nowMs(),
      environment: { ...environment, ...data.env },
      sandbox: "",
      folder: process.cwd(),
      allowPlugins: true,
      print: (shown) => output.write(shown),
    }),
  });
  if (!compiled.ok) return complain(output, { failure: compiled.failure, file, text });
  const rendered = renderAll(compiled.value.render, data);
  const failure = compiled.value.failure();
  if (rendered.missing.length > 0) {
    for (const key of rendered.missing) output.error(`the data has no answer for ${key}`);
    output.error(
      'add it to the file of -data, as in: keys { name = "value" } or answers { "health.service(web|passing)" = [] }',
    );
    return 1;
  }
  if (failure !== undefined) return complain(output, { failure, file, text });
  return compare(rendered.text, { flags, output });
}

/** Passes, each with the answers to what the ones before asked for. */
function renderAll(render: CompiledTemplate["render"], data: TestData) {
  const known = new Map<string, { readonly value: GoValue }>();
  for (;;) {
    const pass = render((key) => known.get(key));
    const fresh = pass.pending.filter((key) => !known.has(key));
    const found = fresh.flatMap((key) => {
      const dependency = pass.asked.get(key);
      const answer = dependency === undefined ? undefined : answerOr(dependency, data);
      return answer === undefined ? [] : [[key, answer] as const];
    });
    for (const [key, answer] of found) known.set(key, answer);
    if (found.length === 0) return { text: pass.text, missing: pass.pending };
  }
}

/** A file that the data does not have is read where it is. */
function answerOr(dependency: Dependency, data: TestData): { readonly value: GoValue } | undefined {
  const answer = answerTo(dependency, data);
  if (answer !== undefined || dependency.kind !== "file") return answer;
  try {
    return { value: readFileSync(resolve(dependency.path), "utf8") };
  } catch {
    return undefined;
  }
}

function compare(text: string, { flags, output }: Pick<Testing, "flags" | "output">): number {
  const expected = flags.value("expect");
  if (expected === undefined) {
    output.write(text);
    return 0;
  }
  const lines = lineDiff(textOf(expected), text);
  if (lines === undefined) {
    output.line(`as expected: ${expected}`);
    return 0;
  }
  output.line(`--- ${expected}\n+++ rendered`);
  for (const line of lines) output.line(line);
  return 1;
}

interface Complaint {
  readonly failure: TemplateFailure | undefined;
  readonly file: string;
  readonly text: string;
}

/** In Go's words, with the line and a caret. */
function complain(output: Output, { failure, file, text }: Complaint): number {
  if (failure?.line === undefined) {
    output.error(failure?.message ?? `${file} cannot be read`);
    return 1;
  }
  const { line, message } = failure;
  const sourceLine = text.split("\n")[line - 1] ?? "";
  // Go counts columns in bytes, from 0; a mistake of the language has none and concerns the line.
  const before = Buffer.from(sourceLine)
    .subarray(0, failure.column ?? 0)
    .toString();
  const column =
    failure.column === undefined ? sourceLine.length - sourceLine.trimStart().length + 1 : before.length + 1;
  const endColumn = failure.column === undefined ? sourceLine.length + 1 : column + 1;
  const place = { file, start: { line, column, byte: 0 }, end: { line, column: endColumn, byte: 0 }, sourceLine };
  output.error(renderDiagnostic({ severity: "error", code: "template", message, ...place }));
  return 1;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new CodedError("template_test", `cannot read ${path}: ${messageOf(thrown)}`);
  }
}

function mark(path: string): string {
  try {
    return String(statSync(path).mtimeMs);
  } catch {
    return "gone";
  }
}
