import { readFileSync, writeFileSync } from "node:fs";
import { COMMANDS } from "#cli/commands.ts";
import { withReference } from "./docs/cli-reference.ts";

/** Writes the reference section of docs/cli.md anew. */
const manual = new URL("../docs/cli.md", import.meta.url);
writeFileSync(manual, withReference(readFileSync(manual, "utf8"), COMMANDS));
