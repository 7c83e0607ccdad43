import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { PortMapping } from "#base/protocol/resources.ts";
import type { Happening } from "../task/task-event.ts";

/**
 * Which of an allocation's ports something listens on now, while none of its tasks runs. A program that finds its port taken
 * says so at best in its own log; this tells it where the task's events are read.
 */
export async function takenPorts(env: Env, ports: readonly PortMapping[]): Promise<readonly Happening[]> {
  const found: Happening[] = [];
  for (const { Label, Value, HostIP, IgnoreCollision } of ports) {
    if (IgnoreCollision === true || (await isFree(env, HostIP === "" ? "0.0.0.0" : HostIP, Value))) continue;
    const text = `port ${Value} ("${Label}") is held by another program: stop it (\`ss -lntup\` shows which), or let the scheduler choose a port (one without static)`;
    found.push({ Type: "Port Taken", DisplayMessage: text, Message: text, Details: { port: String(Value) } });
  }
  return found;
}

async function isFree(env: Env, host: string, port: number): Promise<boolean> {
  try {
    const listener = await env.net.listen({ host, port }, (stream) => stream.destroy());
    await listener.close();
    return true;
  } catch (thrown) {
    return !(thrown instanceof CodedError) || thrown.code !== "EADDRINUSE";
  }
}
