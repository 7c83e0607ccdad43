import { createSocket } from "node:dgram";
import type { GroupSockets } from "#base/env/group-socket.ts";
import { bound } from "./bound-socket.ts";

export const systemGroupSockets: GroupSockets = {
  async open({ group, port }, onDatagram) {
    const socket = createSocket({ type: "udp6", ipv6Only: true, reuseAddr: true });
    const at = { host: "::", port };
    // The zone says which interface it came in on, and goes back with the answer.
    socket.on("message", (data, { address, port: from }) =>
      onDatagram(data, { host: address, port: from, interface: address.split("%")[1] ?? "" }),
    );
    return {
      ...(await bound(socket, at, { address: at.host, port })),
      async join(name) {
        socket.addMembership(group, `::%${name}`);
      },
    };
  },
};
