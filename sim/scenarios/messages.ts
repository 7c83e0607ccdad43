import { assert } from "#base/env/assert.ts";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { drawFaults, FaultInjector } from "../faults.ts";
import type { Machine } from "../machine/node.ts";
import type { Scenario } from "../scenario.ts";

const PORT = 4000;
const FAULTY_MS = 20_000;
const CONVERGENCE_MS = 40_000;

/** Three nodes that greet each other by HTTP, stream and datagram: the wires themselves, under every fault. */
export const messages: Scenario = {
  name: "messages",
  title: "HTTP, streams and datagrams between nodes that come and go",
  async run(world) {
    const names = ["a", "b", "c"];
    const heard = new Set<string>();
    const nodes = names.map((name) => world.addNode(name, (machine) => greet(machine, names, heard)));
    const faults = new FaultInjector(world, drawFaults(world.random.fork(), 3000), nodes);
    for (const node of nodes) node.start();
    faults.start();
    await world.advance(FAULTY_MS);
    faults.heal();
    heard.clear();
    const wanted = names.length * names.length * 3;
    const converged = await world.advanceUntil(() => heard.size === wanted, CONVERGENCE_MS);
    assert(converged, `seed ${world.seed}: ${heard.size} of ${wanted} ways work after the faults ended`);
  },
};

async function greet(machine: Machine, names: readonly string[], heard: Set<string>): Promise<void> {
  const { env, name } = machine;
  machine.listenHttp(PORT, async (request) => {
    let text = "";
    for await (const part of request.body) text += textOf(part);
    return { status: 200, headers: {}, body: `${name} heard ${text}` };
  });
  await env.net.listen({ host: "0.0.0.0", port: PORT }, (stream) => {
    stream.onData((data) => {
      void stream.write(utf8(`${name} heard ${textOf(data)}`)).catch(() => {});
      stream.end();
    });
  });
  await env.net.bind({ host: "0.0.0.0", port: PORT }, (data) => heard.add(`datagram ${textOf(data)} ${name}`));
  for (const peer of names) void keepGreeting(machine, peer, heard);
}

async function keepGreeting({ env, name }: Machine, peer: string, heard: Set<string>): Promise<void> {
  const datagrams = await env.net.bind({ host: "0.0.0.0", port: 0 }, () => {});
  for (;;) {
    try {
      datagrams.send(utf8(name), { host: peer, port: PORT });
      const answer = await env.http.request({
        url: `http://${peer}:${PORT}/greet`,
        method: "PUT",
        body: name,
        timeoutMs: 2000,
      });
      assert((await answer.text()) === `${peer} heard ${name}`, "an answer belongs to its question");
      heard.add(`http ${name} ${peer}`);
      const stream = await env.net.connect({ host: peer, port: PORT, timeoutMs: 2000 });
      const ended = new Promise<string>((resolve) => {
        let text = "";
        stream.onData((data) => void (text += textOf(data)));
        stream.onClose((error) => resolve(error === undefined ? text : `broken: ${error.message}`));
      });
      await stream.write(utf8(name));
      if ((await ended) === `${peer} heard ${name}`) heard.add(`stream ${name} ${peer}`);
    } catch (thrown) {
      env.log.debug("no greeting", { peer, error: messageOf(thrown) });
    }
    await sleep(env.clock, 200 + env.random.float() * 300);
  }
}
