import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Output } from "../command/command.ts";

/**
 * What a machine says of itself goes to the console, which is the last of those the kernel was given; this output writes it
 * to the others as well, so that screen and serial line show the same.
 * @param root `/`; another folder in tests
 */
export function onEveryConsole(output: Output, root = "/"): Output {
  const others = otherConsoles(root);
  const show = (text: string): void => {
    for (const name of others) write(join(root, "dev", name), `${text}\r\n`);
  };
  return {
    ...output,
    line(text) {
      output.line(text);
      show(text);
    },
    error(text) {
      output.error(text);
      show(text);
    },
  };
}

/** The last of the file is the console itself: https://docs.kernel.org/admin-guide/serial-console.html */
function otherConsoles(root: string): readonly string[] {
  try {
    const names = readFileSync(join(root, "sys/class/tty/console/active"), "utf8").trim().split(" ");
    return names.slice(0, -1).filter((name) => name !== "");
  } catch {
    return [];
  }
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "a" });
  } catch {
    // A line that nobody is at.
  }
}
