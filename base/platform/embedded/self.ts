import { programFile, programShape, sourceRoot } from "./files.ts";

/** The command that starts this program once more, without arguments: `[...selfCommand(), "version"]`. */
export function selfCommand(): [program: string, ...args: string[]] {
  switch (programShape()) {
    case "executable":
      return [process.execPath];
    case "bundle":
      return [process.execPath, ...process.execArgv, programFile()];
    case "source":
      return [process.execPath, ...process.execArgv, `${sourceRoot()}/cli/main.ts`];
  }
}
