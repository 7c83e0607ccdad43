import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { TemplateSchema } from "#base/protocol/task.ts";
import { planChange } from "#daemons/scheduler/client/templates/change.ts";
import { parseDotenv } from "#daemons/scheduler/client/templates/dotenv.ts";

const block = (fields: object) => v.parse(TemplateSchema, { DestPath: "local/x", ...fields });

test("variables as shells write them", (t) => {
  const read = parseDotenv(
    `# comment\n\nA=1\nexport B = two words # not this\nC="a\\n\\"b\\" # this"\nD='$A \\n'\nE=\nF=a#b\r\nA=last\n`,
  );
  t.deepEqual(read, {
    ok: true,
    value: { A: "last", B: "two words", C: 'a\n"b" # this', D: "$A \\n", E: "", F: "a#b" },
  });
  t.like(parseDotenv("A=1\nnothing"), {
    ok: false,
    error: { message: 'line 2 is no variable: expected NAME=value, found "nothing"' },
  });
  t.like(parseDotenv('A="open'), { ok: false, error: { message: "line 1: the quotes of A are not closed" } });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parseDotenv(text);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (value) => {
      const written = JSON.stringify(value);
      if (!/\\[^"\\nrt]/.test(written)) t.deepEqual(parseDotenv(`A=${written}`), { ok: true, value: { A: value } });
    }),
  );
});

test("what changes do to a task", (t) => {
  const signal = block({ ChangeMode: "signal", ChangeSignal: "SIGHUP", Splay: 2e9 });
  const script = block({ ChangeMode: "script", ChangeScript: { Command: "/x" }, Splay: 0 });
  const noop = block({ ChangeMode: "noop", Splay: 9e9 });
  t.deepEqual(planChange([noop]), { restart: false, signals: [], scripts: [], splayMs: 0 });
  t.like(planChange([signal, signal, script]), { restart: false, signals: ["SIGHUP"], splayMs: 2000 });
  t.is(planChange([signal, script]).scripts.length, 1);
  t.deepEqual(planChange([signal, script, block({})]), { restart: true, signals: [], scripts: [], splayMs: 5000 });
});
