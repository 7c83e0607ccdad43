import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";

/**
 * Renders every expression of `corpus.json` with consul-template's own functions and writes down what they gave. Run by hand after adding
 * an expression (`node test/base/client/templates/functions/record-corpus.ts`); needs Go 1.22 or newer and its module proxy.
 */
const corpusFile = join(import.meta.dirname, "corpus.json");
const program = join(tmpdir(), `corpus-peer-${process.pid}`);
const corpus = v.parse(v.array(v.array(v.nullable(v.string()))), JSON.parse(readFileSync(corpusFile, "utf8")));
const expressions = corpus.map(([expression]) => expression ?? "");

execFileSync("go", ["build", "-o", program, "."], { cwd: join(import.meta.dirname, "peer"), stdio: "inherit" });
const answer = execFileSync(program, {
  input: JSON.stringify(expressions.map((expression) => `{{ ${expression} }}`)),
  env: { ...process.env, TZ: "UTC" },
});
execFileSync("rm", [program]);

const results = v.parse(v.array(v.object({ output: v.string(), error: v.string() })), JSON.parse(answer.toString()));
const rows = results.map(({ output, error }, index) =>
  JSON.stringify(error === "" ? [expressions[index], output] : [expressions[index], null, error.replace(/^\w+: /, "")]),
);
writeFileSync(corpusFile, `[\n${rows.map((row) => `  ${row}`).join(",\n")}\n]\n`);
