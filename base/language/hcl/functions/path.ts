import { basename, dirname } from "node:path/posix";
import { one, text, type HclFunction } from "./function.ts";

export const pathFunctions: Readonly<Record<string, HclFunction>> = {
  basename: one(text, (path) => basename(path) || (path === "" ? "." : "/")),
  dirname: one(text, dirname),
};
