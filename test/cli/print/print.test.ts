import { execFileSync } from "node:child_process";
import test from "ava";
import { qrCode, qrLines } from "#cli/print/qr.ts";

test("QR codes are qrencode's, module by module, in every length class", (t) => {
  // The last that fits and the first that does not, the change of the length field, alignment and version patterns.
  for (const length of [1, 17, 18, 106, 107, 230, 231, 300, 1500, 2953]) {
    const text = Array.from({ length }, (_, at) => String.fromCodePoint(97 + ((at * 7 + length) % 26))).join("");
    const words = ["-8", "-l", "L", "-m", "0", "-t", "ASCII", "-o", "-", text];
    const rows = execFileSync("qrencode", words, { encoding: "utf8" })
      .split("\n")
      .filter((each) => each !== "");
    const theirs = rows.map((row) => Array.from({ length: row.length / 2 }, (_, at) => row[2 * at] === "#"));
    // Which mask is best is a matter of taste in details; any of them can be read.
    const same = [0, 1, 2, 3, 4, 5, 6, 7].filter(
      (mask) => JSON.stringify(qrCode(text, mask)) === JSON.stringify(theirs),
    );
    t.is(same.length, 1, `${length} characters`);
    t.is(qrCode(text)?.length, theirs.length);
  }
  t.is(qrCode("x".repeat(2954)), undefined);
  t.is(qrLines(qrCode("x") ?? []).length, 13, "two rows of modules in a line");
});
