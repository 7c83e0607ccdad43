import { join } from "node:path";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { RunCommand } from "../command/command.ts";
import { changeLab, isRunning, keepNode, labFolder, readLab, type Lab, type LabNode } from "./lab-file.ts";
import { plug } from "./network.ts";
import { makeDisk } from "./node-disk.ts";
import { configOf, launch, nomadOf, whenUp, writeConfig } from "./nodes.ts";
import { runLares } from "./run-lares.ts";

/** Another machine comes: it joins, and its agent runs. */
export const add: RunCommand = async ({ flags, output }) => {
  const role = flags.on("server") ? "server" : "client";
  const env = createEnv({ logLevel: "warn" });
  try {
    const node = await make(env, readLab(labFolder(flags)), role);
    const lab = readLab(labFolder(flags));
    writeConfig(node, lab.docker);
    const at = lab.nodes.find((each) => each.role === "server" && isRunning(each));
    if (at === undefined) throw new CodedError("lab", "no server of the lab runs", "`lares lab start` starts one");
    const wanted = role === "server" ? ["-server"] : [];
    const line = await runLares(env, ["join-token", "create", `-address=${nomadOf(at)}`, ...wanted]);
    const [, ...words] = line.trim().split(" ");
    await runLares(env, [...words, "-config", configOf(node), "-no-start"]);
    const started = await launch(env, node, lab);
    keepNode(lab, started);
    await whenUp(env, started);
    output.line(`${node.name} runs at ${node.address}`);
    return 0;
  } finally {
    env.close();
  }
};

async function make(env: SystemEnv, lab: Lab, role: LabNode["role"]): Promise<LabNode> {
  const { dir, network, bridge, nodes } = lab;
  const alike = nodes.filter((each) => each.role === role).length;
  const name = `${role}${alike + 1}`;
  const subnet = nodes[0]?.address.replace(/\.\d+$/, "") ?? "";
  const place = await plug(env, { network, bridge, subnet }, nodes.length);
  const node: LabNode = { name, role, dir: join(dir, name), ...place, pid: 0, began: "" };
  await makeDisk(env.exec, node, lab.diskBytes);
  changeLab(dir, (now) => ({ ...now, nodes: [...now.nodes, node] }));
  return node;
}
