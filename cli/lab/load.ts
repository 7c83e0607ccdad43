import { existsSync } from "node:fs";
import { CodedError } from "#base/env/errors.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { loadImage } from "../image/load-image.ts";
import { engineOf } from "./engine.ts";
import { isRunning, labFolder, readLab } from "./lab-file.ts";

/** An archive of an image goes into every engine of the lab. */
export const load: RunCommand = async ({ flags, operands: [archive, ...more], output }) => {
  if (archive === undefined || more.length > 0) throw new UsageError("name one archive of an image");
  if (!existsSync(archive)) throw new CodedError("lab", `there is no file ${archive}`, "`lares image build` makes one");
  const lab = readLab(labFolder(flags));
  const clients = lab.nodes.filter((node) => node.role === "client" && isRunning(node));
  const engines = lab.docker === "own" ? clients.map((node) => [node.name, engineOf(node)] as const) : [];
  if (lab.docker !== "own") engines.push(["all nodes", lab.docker]);
  const env = createEnv({ logLevel: "warn" });
  try {
    for (const [name, engine] of engines) {
      const loaded = await loadImage(env, archive, engine);
      if (!loaded.ok) throw new CodedError(loaded.error.code, `${name}: ${loaded.error.message}`, loaded.error.hint);
      output.line(`${name} has it`);
    }
    return 0;
  } finally {
    env.close();
  }
};
