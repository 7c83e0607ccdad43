import { createSocket } from "node:dgram";
import { CodedError } from "#base/env/errors.ts";
import { didYouMean } from "#base/language/nearest.ts";
import { readActive } from "#daemons/router/apply/reconcile.ts";
import { oneOperand, valueOrThrow, withMachine } from "./machine.ts";

const DISCARD_PORT = 9;
const REPEATS = 16;

/** Sends a magic packet: six bytes of ones, then the address sixteen times (AMD publication 20213). */
export const wake = withMachine(async (invocation) => {
  const { machine, output, flags } = invocation;
  const name = oneOperand(invocation, "host");
  const { hosts } = valueOrThrow(await readActive(machine.state));
  const mac = hosts.find((each) => each.name === name)?.mac ?? name.toLowerCase().replaceAll("-", ":");
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) {
    const known = hosts.map((each) => each.name);
    throw new CodedError(
      "router_host",
      `there is no host ${JSON.stringify(name)}, and it is no hardware address`,
      didYouMean(name, known) ?? 'add host "NAME" { mac = "…" }',
    );
  }
  await broadcast(magicPacket(mac), flags.value("to") ?? "255.255.255.255");
  output.line(`Sent to ${mac}.`);
  return 0;
});

export function magicPacket(mac: string): Buffer {
  const address = Buffer.from(mac.replaceAll(":", ""), "hex");
  return Buffer.concat([Buffer.alloc(6, 0xff), ...Array.from({ length: REPEATS }, () => address)]);
}

function broadcast(packet: Buffer, to: string): Promise<void> {
  const socket = createSocket("udp4");
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(new CodedError("router_send", `cannot send to ${to}: ${error.message}`, "name an address with -to"));
    });
    socket.bind(() => {
      socket.setBroadcast(true);
      socket.send(packet, DISCARD_PORT, to, (error) => {
        socket.close();
        if (error === null) resolve();
        else
          reject(new CodedError("router_send", `cannot send to ${to}: ${error.message}`, "name an address with -to"));
      });
    });
  });
}
