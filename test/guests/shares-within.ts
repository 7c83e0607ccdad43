import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { testAgent, until, type TestAgent } from "../scenario/agent.ts";

/** Runs in the guest, beside a server of NFS (/srv/nfs) and one of SMB (/srv/smb). Prints what held, line by line. */
const VOLUMES = [
  {
    name: "files",
    plugin: "nfs",
    served: "/srv/nfs",
    parameters: 'server = "127.0.0.1", path = "/", options = "vers=4.2"',
    type: "nfs4",
  },
  {
    name: "papers",
    plugin: "smb",
    served: "/srv/smb",
    parameters: 'server = "127.0.0.1", share = "papers", credentials = "/tmp/credentials"',
    type: "cifs",
  },
] as const;

const held = (what: string): void => console.log(`held: ${what}`);

async function ran(agent: TestAgent, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await agent.lares(...words);
  equal(code, 0, `${words.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

async function share(
  agent: TestAgent,
  { name, plugin, served, parameters, type }: (typeof VOLUMES)[number],
): Promise<void> {
  const file = `/tmp/${name}.volume.hcl`;
  writeFileSync(
    file,
    `type = "host"\nname = "${name}"\nplugin_id = "${plugin}"\nparameters {\n${parameters.replaceAll(", ", "\n")}\n}\n`,
  );
  // A node that has just started does not offer its plugins yet.
  let made = { code: 1, stderr: "" };
  await until("a node offers the plugin", async () => {
    made = await agent.lares("volume", "create", file);
    return made.code === 0 || !made.stderr.includes("no node can have this volume");
  });
  equal(made.code, 0, made.stderr);
  const mounts = (): string[] =>
    readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(` ${type} `) && line.includes("host_volumes"));
  equal(mounts().length, 1);
  match(mounts()[0] ?? "", /nosuid,nodev/);
  held(`${plugin}: made, without rights of its owner and without devices`);

  const at = mounts()[0]?.split(" ")[1] ?? "";
  writeFileSync(`${served}/given`, "given by the server\n");
  writeFileSync(`${at}/note`, "written through the volume\n");
  equal(readFileSync(`${at}/given`, "utf8"), "given by the server\n");
  equal(readFileSync(`${served}/note`, "utf8"), "written through the volume\n");
  held(`${plugin}: what is written is at the server, and what the server has is read`);

  await taskWrites(agent, name, served);
  held(`${plugin}: a task in a container writes what the server has, and reads what is there`);

  await agent.kill();
  await agent.start();
  equal(mounts().length, 1, "mounted once");
  held(`${plugin}: still there, once, after the agent's crash`);

  const id =
    /^([0-9a-f-]{8,36})/m.exec(
      (await ran(agent, "volume", "status", "-type=host")).split("\n").find((line) => line.includes(name)) ?? "",
    )?.[1] ?? "";
  await until(
    "it can be deleted",
    async () => (await agent.lares("volume", "delete", "-type=host", id)).code === 0,
    120_000,
  );
  deepEqual(mounts(), []);
  equal(readFileSync(`${served}/note`, "utf8"), "written through the volume\n");
  held(`${plugin}: deleted: unmounted, and the server keeps its files`);

  const wrong = parameters.replace(/"\/"|"papers"/, plugin === "nfs" ? '"/nowhere"' : '"nowhere"');
  writeFileSync(
    file,
    `type = "host"\nname = "${name}"\nplugin_id = "${plugin}"\nparameters {\n${wrong.replaceAll(", ", "\n")}\n}\n`,
  );
  const refused = await agent.lares("volume", "create", file);
  equal(refused.code, 1);
  match(refused.stderr, /cannot mount/);
  console.log(refused.stderr.trim());
  deepEqual(mounts(), []);
  held(`${plugin}: a share that is not there is refused with the server's words`);
}

/** In a root of its own, in which the volume is a folder. It is registered in JSON: each run of the command takes long here. */
async function taskWrites(agent: TestAgent, name: string, served: string): Promise<void> {
  const task = {
    Name: "t",
    Driver: "exec",
    User: "root",
    VolumeMounts: [{ Volume: "v", Destination: "/data" }],
    Config: { command: "/bin/sh", args: ["-c", "{ echo written by a task; cat /data/given; } >/data/by-task"] },
    Resources: { MemoryMB: 64 },
  };
  const group = { Name: "g", Volumes: { v: { Name: "v", Type: "host", Source: name } }, Tasks: [task] };
  const body = JSON.stringify({ Job: { ID: name, Type: "batch", TaskGroups: [group] } });
  const answer = await fetch(`${agent.nomad}/v1/jobs`, { method: "PUT", body });
  equal(answer.status, 200, await answer.text());
  const written = `${served}/by-task`;
  const whole = "written by a task\ngiven by the server\n";
  try {
    await until("the task wrote", () => existsSync(written) && readFileSync(written, "utf8") === whole, 240_000);
  } catch (thrown) {
    console.log(JSON.stringify(await agent.get(`/v1/job/${name}/allocations`)));
    throw thrown;
  }
  equal((await fetch(`${agent.nomad}/v1/job/${name}?purge=true`, { method: "DELETE" })).status, 200);
}

const command = [process.execPath, process.env["LARES"] ?? ""];
const agent = await testAgent({
  command,
  docker: "unix:///nonexistent",
  config: "",
  logLevel: "info",
  startMs: 400_000,
  flags: ["-dev"],
});
try {
  for (const volume of VOLUMES) await share(agent, volume);
  console.log("ALL HELD");
} catch (thrown) {
  console.log(agent.log().slice(-3000));
  console.log(thrown);
  console.log(execFileSync("dmesg", { encoding: "utf8" }).split("\n").slice(-30).join("\n"));
} finally {
  await agent.remove();
}
