import { spawn } from "node:child_process";
import { join } from "node:path";
import { freePort } from "./machine.ts";

/** chrony on this host's loopback, which tells the host's time and leaves its clock alone (`-x`). */
export async function timeServer(folder: string): Promise<{ readonly port: number; stop(): void }> {
  const port = await freePort();
  const settings = [
    `port ${port}`,
    "bindaddress 127.0.0.1",
    "allow 127.0.0.1",
    "local stratum 3",
    "cmdport 0",
    `bindcmdaddress /`,
    `pidfile ${join(folder, "chronyd.pid")}`,
  ];
  const chronyd = spawn("chronyd", ["-d", "-x", "-u", "root", ...settings], { stdio: "ignore" });
  await new Promise((resolve, reject) => chronyd.once("spawn", resolve).once("error", reject));
  return { port, stop: () => void chronyd.kill() };
}
