import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { testAgent } from "../agent.ts";

const AllocsSchema = v.array(v.object({ ID: v.string() }));
const AllocSchema = v.object({
  ClientStatus: v.string(),
  TaskStates: v.nullish(
    v.record(
      v.string(),
      v.object({ State: v.string(), Events: v.array(v.object({ Type: v.string(), DisplayMessage: v.string() })) }),
    ),
  ),
});

const QUICK = 'wait {\n min = "1ms"\n max = "10ms"\n}\nsplay = "0s"';

const job = (templates: string, args = "sleep 600"): string => `job "t" {
  group "g" {
    restart { attempts = 0 }
    task "a" {
      driver = "raw_exec"
      config {
        command = "sh"
        args = ["-c", ${JSON.stringify(args)}]
      }
      ${templates}
    }
  }
}`;

test("a job's templates: waited for, into the environment, followed by signal and restart, over an agent's restart; escapes refused", async (t) => {
  t.timeout(180_000);
  const agent = await testAgent();
  t.teardown(() => agent.remove());
  await agent.start();
  const until = async <T>(ask: () => Promise<T | undefined>, what: string): Promise<T> => {
    const end = Date.now() + 25_000;
    for (;;) {
      const found = await ask();
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`did not happen within a minute: ${what}\n${agent.log().slice(-3000)}`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  };
  const file = join(agent.dir, "job.nomad.hcl");
  const run = async (text: string): Promise<string> => {
    writeFileSync(file, text);
    const ran = await agent.lares("job", "run", "-detach", file);
    t.is(ran.code, 0, ran.stderr);
    return until(async () => v.parse(AllocsSchema, await agent.get("/v1/job/t/allocations"))[0]?.ID, "an allocation");
  };
  const look = async (id: string) => v.parse(AllocSchema, await agent.get(`/v1/allocation/${id}`));
  const said = async (id: string): Promise<string> =>
    ((await look(id)).TaskStates?.["a"]?.Events ?? [])
      .map((event) => `${event.Type}: ${event.DisplayMessage}`)
      .join("\n");
  const log = (id: string): string => {
    try {
      return readFileSync(join(agent.dir, "data", "alloc", id, "a", "local", "log"), "utf8");
    } catch {
      return "";
    }
  };
  const put = async (key: string, value: string): Promise<void> => {
    t.is((await agent.lares("kv", "put", key, value)).code, 0);
  };
  await put("color", "red");
  const program =
    "trap 'echo hup $(cat local/out) >> local/log' HUP; echo start $COLOR $(cat local/out) >> local/log; while :; do sleep 0.05; done";
  const id = await run(
    job(
      `template {
        data = "{{ key \\"color\\" }}"
        destination = "local/out"
        change_mode = "signal"
        change_signal = "SIGHUP"
        ${QUICK}
      }
      template {
        data = "COLOR={{ key \\"late\\" }}"
        destination = "\${NOMAD_SECRETS_DIR}/env"
        env = true
        ${QUICK}
      }`,
      program,
    ),
  );
  await until(
    async () => /Template: Missing: kv\.block\(late\)/.exec(await said(id)) ?? undefined,
    "what is missing is said",
  );
  t.is((await look(id)).ClientStatus, "pending");
  await put("late", "yes");
  await until(async () => (log(id) === "start yes red\n" ? true : undefined), "the task starts");
  await put("color", "blue");
  await until(async () => (/hup blue\n/.test(log(id)) ? true : undefined), "the task is signalled");
  await put("late", "again");
  await until(async () => (/start again blue\n$/.test(log(id)) ? true : undefined), "the task is restarted");
  t.regex(await said(id), /Restart Signaled: Template with change_mode restart re-rendered/);
  await agent.kill();
  await agent.start();
  await put("color", "green");
  await until(async () => (/hup green\n$/.test(log(id)) ? true : undefined), "a later agent follows on");
  t.is(log(id).match(/start/g)?.length, 2, "an agent's restart touches no task");
  t.is((await agent.lares("job", "stop", "-purge", "t")).code, 0);
  const sly = await run(job(`template {\n data = "{{ file \\"/etc/hostname\\" }}"\n destination = "local/y"\n}`));
  await until(async () => /outside of sandbox/.exec(await said(sly)) ?? undefined, "a file outside is refused");
});
