import test from "ava";
import fc from "fast-check";
import { listEmbedded, programShape, readEmbedded, readEmbeddedText } from "#base/platform/embedded/files.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { findOriginals } from "#base/platform/embedded/source-map.ts";
import { mapStack } from "#base/platform/embedded/stack-trace.ts";
import { startWorker } from "#base/platform/embedded/worker.ts";

test("from source, embedded files are the repository's own", (t) => {
  t.is(programShape(), "source");
  t.regex(readEmbeddedText("base/platform/embedded/README.md") ?? "", /^# base\/platform\/embedded/);
  t.is(readEmbedded("packs/absent"), undefined);
  t.is(readEmbedded("base/platform"), undefined, "a folder is no file");
  t.true(listEmbedded("base/platform/embedded/").includes("base/platform/embedded/files.ts"));
  t.deepEqual(listEmbedded("absent/"), []);
  t.regex(selfCommand().at(-1) ?? "", /\/cli\/main\.ts$/);
});

test("a worker's file must have the name the build looks for", (t) => {
  t.throws(() => startWorker("base/platform/embedded/files.ts"), { message: /ends in -worker\.ts/ });
});

// Two lines: "AAAA" is column 0 from source 0 line 0; every field is relative to the one before (ECMA-426).
const map = { sources: ["a.ts", "b.ts"], mappings: "AAAA,IAEG;;CCDH" };

test("a position is found in the segment that covers it", (t) => {
  const wanted = [
    { line: 0, column: 0 },
    { line: 0, column: 3 },
    { line: 0, column: 4 },
    { line: 0, column: 999 },
    { line: 1, column: 0 },
    { line: 2, column: 0 },
    { line: 2, column: 1 },
    { line: 9, column: 0 },
  ];
  t.deepEqual(findOriginals(map, wanted), [
    { source: "a.ts", line: 0, column: 0 },
    { source: "a.ts", line: 0, column: 0 },
    { source: "a.ts", line: 2, column: 3 },
    { source: "a.ts", line: 2, column: 3 },
    undefined,
    undefined,
    { source: "b.ts", line: 1, column: 0 },
    undefined,
  ]);
});

test("numbers survive the encoding, whatever their size and sign", (t) => {
  const encode = (value: number) => {
    let rest = value < 0 ? -value * 2 + 1 : value * 2;
    let text = "";
    do {
      const digit = rest % 32;
      rest = Math.floor(rest / 32);
      text += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[digit + (rest > 0 ? 32 : 0)];
    } while (rest > 0);
    return text;
  };
  const places = fc.array(fc.record({ source: fc.nat(3), line: fc.nat(2 ** 31), column: fc.nat(2 ** 31) }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(places, (originals) => {
      let last = { source: 0, line: 0, column: 0 };
      const segments = originals.map((each) => {
        const fields = [1, each.source - last.source, each.line - last.line, each.column - last.column];
        last = each;
        return fields.map(encode).join("");
      });
      const found = findOriginals(
        { sources: ["0", "1", "2", "3"], mappings: segments.join(",") },
        originals.map((_, index) => ({ line: 0, column: index + 1 })),
      );
      t.deepEqual(
        found,
        originals.map((each) => ({ ...each, source: String(each.source) })),
      );
    }),
  );
});

test("any text is survived as mappings and as stack", (t) => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (mappings, stack) => {
      findOriginals({ sources: [], mappings }, [{ line: 0, column: 1 }]);
      t.is(mapStack(stack), stack);
    }),
  );
});
