import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest from "ava";
import type { TestFn } from "ava";
import fc from "fast-check";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";
import { watchForEscape } from "#cli/alloc/escape.ts";
import { parseExecInput, parseHandshake } from "#daemons/scheduler/client/http/exec-frames.ts";
import { type TestAgent, testAgent, until } from "../../scenario/agent.ts";

const test = anyTest as TestFn<{ agent: TestAgent; alloc: string }>;
const env = createEnv({ logToStderr: false });
const MAIN = new URL("../../../cli/main.ts", import.meta.url).pathname;

const JOB = `job "box" {
  type = "service"
  group "g" {
    task "main" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
      env { COLOUR = "blue" }
      service {
        name = "scripted"
        check {
          type     = "script"
          name     = "own"
          command  = "/bin/sh"
          args     = ["-c", "echo \${NOMAD_TASK_NAME} says; . local/verdict"]
          interval = "1s"
          timeout  = "1s"
        }
      }
      action "greet" {
        command = "/bin/sh"
        args    = ["-c", "echo hello from \${NOMAD_TASK_NAME}; exit 4"]
      }
      resources {
        cpu    = 10
        memory = 20
      }
    }
    task "mocked" {
      driver = "mock_driver"
      config { run_for = "1h" }
      resources {
        cpu    = 10
        memory = 20
      }
    }
    task "nobody" {
      driver = "raw_exec"
      user   = "nobody"
      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
      resources {
        cpu    = 10
        memory = 20
      }
    }
  }
}
`;

test.before(async (t) => {
  const agent = await testAgent({ flags: ["-dev"], logLevel: "info", docker: "unix:///nonexistent/docker.sock" });
  t.context.agent = agent;
  const file = join(agent.dir, "box.nomad.hcl");
  await writeFile(file, JOB);
  const run = await agent.lares("job", "run", "-detach", file);
  t.is(run.code, 0, run.stderr);
  const allocs = async (): Promise<{ ID: string; ClientStatus: string }[]> =>
    (await agent.get("/v1/job/box/allocations")) as { ID: string; ClientStatus: string }[];
  await until("the job runs", async () => (await allocs())[0]?.ClientStatus === "running");
  t.context.alloc = (await allocs())[0]?.ID ?? "";
});

test.after.always(async (t) => {
  env.close();
  await t.context.agent?.stop();
  await t.context.agent?.remove();
});

test.serial(
  "a command in a task has its environment, folder and user; output, errors and exit code come back",
  async (t) => {
    const { agent, alloc } = t.context;
    const inMain = ["alloc", "exec", "-i=false", "-t=false", "-task", "main", alloc];
    const said = await agent.lares(...inMain, "sh", "-c", "echo $COLOUR; pwd; id -un; echo oops >&2; exit 5");
    t.is(said.code, 5, said.stderr);
    t.regex(said.stdout, new RegExp(`^blue\n.*/${alloc}/main\nroot\n$`));
    t.is(said.stderr, "oops\n");
    const other = await agent.lares(
      "alloc",
      "exec",
      "-i=false",
      "-t=false",
      "-task=nobody",
      alloc.slice(0, 8),
      "id",
      "-un",
    );
    t.is(other.stdout, "nobody\n", other.stderr);
    const byJob = await agent.lares("alloc", "exec", "-job", "-i=false", "-task=main", "box", "echo", "-h");
    t.is(byJob.stdout, "-h\n", byJob.stderr);
    t.regex(
      (await agent.lares("alloc", "exec", "-i=false", "-t=false", alloc, "true")).stderr,
      /has several tasks; name one/,
    );
    const refused = await agent.lares("alloc", "exec", "-i=false", "-t=false", "-task=mocked", alloc, "true");
    t.deepEqual([refused.code, refused.stderr], [1, "lares: the mock driver runs no commands\n"]);
    const missing = await agent.lares(...inMain, "no-such-program-anywhere");
    t.is(missing.code, 127);
    const killed = await agent.lares(...inMain, "sh", "-c", "kill -9 $$");
    t.is(killed.code, 137);
  },
);

test.serial("the node whose agent is asked is known by -self", async (t) => {
  const self = await t.context.agent.lares("node", "status", "-self", "-json");
  t.is(self.code, 0, self.stderr);
  t.regex(JSON.parse(self.stdout).ID, /^[0-9a-f-]{36}$/);
});

test.serial(
  "a script check runs in its task: its exit code and output are the check's, and what hangs is critical",
  async (t) => {
    const { agent, alloc } = t.context;
    const verdict = async (script: string): Promise<void> => {
      const line = `echo '${script}' > local/verdict.new && mv local/verdict.new local/verdict`;
      const written = await agent.lares("alloc", "exec", "-i=false", "-t=false", "-task=main", alloc, "sh", "-c", line);
      t.is(written.code, 0, written.stderr);
    };
    const becomes = (status: string, output: RegExp): Promise<void> =>
      until(`it is ${status}`, async () => {
        const checks = (await agent.get("/consul/v1/health/checks/scripted")) as { Status: string; Output: string }[];
        return checks[0]?.Status === status && output.test(checks[0].Output);
      });
    // The catalog hears of output alone only now and then, so each status is another one.
    for (const [script, status, output] of [
      ["exit 0", "passing", /^main says\n$/],
      ["echo careful; exit 1", "warning", /careful/],
      ["exit 3", "critical", /main says/],
      ["kill -0 $$", "passing", /main says/],
      ["sleep 1000.71", "critical", /took longer than 1 s/],
      ["true", "passing", /main says/],
    ] as const) {
      await verdict(script);
      await becomes(status, output);
    }
    // No other test's task sleeps for as long.
    t.is((await env.exec.run(["pgrep", "-fx", "sleep 1000.71"])).code, 1, "what hung was ended");
  },
);

test.serial("an action runs its command; a wrong name is told with the nearest", async (t) => {
  const { agent } = t.context;
  const greeted = await agent.lares("action", "-i=false", "-t=false", "-job=box", "greet");
  t.is(greeted.stdout, "hello from main\n", greeted.stderr);
  t.is(greeted.code, 4);
  t.regex(
    (await agent.lares("action", "-t=false", "-job=box", "gret")).stderr,
    /no action "gret" \(did you mean greet\?\)/,
  );
});

test.serial("ten megabytes through a slow command arrive whole, both ways", async (t) => {
  const { agent, alloc } = t.context;
  const url = `${agent.nomad}/v1/client/allocation/${alloc}/exec?task=main&tty=false&command=${encodeURIComponent('["sh","-c","sleep 0.2; cat"]')}`;
  const dialed = await dialWebSocket({ url });
  if (dialed.kind !== "open") return t.fail(await dialed.response.text());
  const { channel } = dialed;
  const piece = "0123456789abcdef".repeat(4096);
  let bytes = 0;
  let wrong = 0;
  let exit = -1;
  const closed = new Promise<number>((resolve) => channel.onClose((code) => resolve(code)));
  channel.onMessage((message) => {
    const frame = JSON.parse(textOf(message));
    if (frame.result !== undefined) exit = frame.result.exit_code;
    const data = frame.stdout?.data === undefined ? "" : Buffer.from(frame.stdout.data, "base64").toString();
    for (let at = 0; at < data.length; at++) if (data[at] !== piece[(bytes + at) % 16]) wrong += 1;
    bytes += data.length;
  });
  for (let n = 0; n < 160; n++)
    await channel.send(JSON.stringify({ stdin: { data: Buffer.from(piece).toString("base64") } }));
  await channel.send(JSON.stringify({ stdin: { close: true } }));
  t.is(await closed, 1000);
  t.deepEqual([bytes, wrong, exit], [160 * 65_536, 0, 0]);
});

test.serial("who leaves takes the command along", async (t) => {
  const { agent, alloc } = t.context;
  const mark = `lares-exec-${alloc.slice(0, 8)}`;
  const command = encodeURIComponent(JSON.stringify(["sh", "-c", `echo up; sleep 3000; echo ${mark}`]));
  const dialed = await dialWebSocket({
    url: `${agent.nomad}/v1/client/allocation/${alloc}/exec?task=main&command=${command}`,
  });
  if (dialed.kind !== "open") return t.fail();
  await new Promise<void>((resolve) => dialed.channel.onMessage(() => resolve()));
  const running = async (): Promise<boolean> => (await env.exec.run(["pgrep", "-f", mark])).code === 0;
  t.true(await running());
  dialed.channel.close();
  await until("the command is gone", async () => !(await running()));
});

test.serial("a browser says who it is in its first message; nonsense is refused with a reason", async (t) => {
  const { agent, alloc } = t.context;
  const base = `${agent.nomad}/v1/client/allocation/${alloc}/exec`;
  const dialed = await dialWebSocket({
    url: `${base}?task=main&ws_handshake=true&command=${encodeURIComponent('["cat"]')}`,
  });
  if (dialed.kind !== "open") return t.fail();
  const said = new Promise<string>((resolve) => {
    dialed.channel.onMessage((message) => {
      const { stdout } = JSON.parse(textOf(message));
      if (stdout?.data !== undefined) resolve(Buffer.from(stdout.data, "base64").toString());
    });
  });
  await dialed.channel.send('{"version":1,"auth_token":""}');
  await dialed.channel.send(JSON.stringify({ stdin: { data: Buffer.from("hi\n").toString("base64") } }));
  t.is(await said, "hi\n");
  const closed = new Promise<string>((resolve) =>
    dialed.channel.onClose((code, reason) => resolve(`${code} ${reason}`)),
  );
  await dialed.channel.send("{nonsense");
  t.regex(await closed, /^4400 not a JSON object/);
  const refused = async (query: string): Promise<string> => {
    const answer = await dialWebSocket({ url: `${base}?${query}` });
    return answer.kind === "open" ? "open" : `${answer.response.status} ${await answer.response.text()}`;
  };
  t.regex(await refused("task=main&command=sh"), /^400 command must be a JSON list/);
  t.regex(await refused(`task=mian&command=${encodeURIComponent('["sh"]')}`), /^404 unknown task name "mian"/);
  const plain = await fetch(`${base}?task=main&command=${encodeURIComponent('["sh"]')}`);
  t.is(plain.status, 400);
  t.regex(await plain.text(), /speaks WebSocket/);
});

test.serial("in a terminal: a prompt, a size, and a way out", async (t) => {
  const { agent, alloc } = t.context;
  let shown = "";
  const terminal = await env.exec.spawnTerminal(
    [process.execPath, "--disable-warning=ExperimentalWarning", MAIN, "alloc", "exec", "-task=main", alloc, "sh"],
    {
      env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", NOMAD_ADDR: agent.nomad, PS1: "" },
      size: { height: 31, width: 97 },
      onOutput: (data) => void (shown += textOf(data)),
    },
  );
  await until("the shell prompts", () => shown.includes("# "));
  // A size is told beside what is typed: it is there a moment later.
  await terminal.write(utf8('until [ "$(stty size)" = "31 97" ]; do sleep 0.1; done; stty size; tty; echo $TERM\r'));
  await until("the size is known", () => shown.includes("xterm"));
  t.regex(shown, /31 97\r+\n\/dev\/pts\/\d+\r+\nxterm/);
  await terminal.write(utf8("sleep 1000\r"));
  await until("it was typed", () => shown.includes("sleep 1000"));
  await terminal.write(Uint8Array.of(3));
  await terminal.write(utf8("echo back$((1+1))\r"));
  await until("the interrupt reached the program", () => shown.includes("back2"));
  await terminal.write(utf8("\r~."));
  t.is((await terminal.exited).code, 0);
});

test("frames of any shape are read or refused, never fatal", (t) => {
  t.deepEqual(parseExecInput(utf8('{"stdin":{"data":"aGk=","close":true},"tty_size":{"height":2,"width":3}}')), {
    ok: true,
    value: [{ kind: "size", height: 2, width: 3 }, { kind: "data", data: utf8("hi") }, { kind: "end" }],
  });
  t.deepEqual(parseExecInput(utf8("{}")), { ok: true, value: [{ kind: "heartbeat" }] });
  for (const bad of ["", "[]", '{"stdin":{"data":"?"}}', '{"stdin":3}', '{"tty_size":{"height":-1,"width":1}}'])
    t.false(parseExecInput(utf8(bad)).ok && bad !== "[]", bad);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.json(), (bytes, json) => {
      for (const message of [bytes, utf8(json)]) {
        parseExecInput(message);
        parseHandshake(message);
      }
    }),
  );
});

test("the escape works at a line's start only, however the keys arrive", (t) => {
  const typed = (...parts: string[]): string => {
    const watch = watchForEscape("~");
    let all = "";
    for (const part of parts) {
      const { pass, leave } = watch(Buffer.from(part));
      all += pass.toString();
      if (leave) return `${all}|`;
    }
    return all;
  };
  t.is(typed("ls\r", "~", "."), "ls\r|");
  t.is(typed("~."), "|");
  t.is(typed("a~.\r"), "a~.\r");
  t.is(typed("~~.\r~x"), "~.\r~x");
});
