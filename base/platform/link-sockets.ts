import { createSocket } from "node:dgram";
import type { LinkSockets } from "#base/env/link-socket.ts";
import { bound } from "./bound-socket.ts";
import { cannotListen } from "./streams.ts";

/** RFC 6762, section 11: what came from another link is told by it. */
const HOPS = 255;

export const systemLinkSockets: LinkSockets = {
  async open({ group, port, address }, onDatagram) {
    // Others on this machine listen to the same group.
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    const at = { host: group, port };
    socket.on("message", (data, from) => onDatagram(data, { host: from.address, port: from.port }));
    const own = await bound(socket, at, { address: "0.0.0.0", port });
    try {
      socket.addMembership(group, address);
      socket.setMulticastInterface(address);
      socket.setMulticastTTL(HOPS);
      socket.setMulticastLoopback(true);
    } catch (thrown) {
      await own.close();
      throw cannotListen(thrown instanceof Error ? thrown : new Error(String(thrown)), at);
    }
    return own;
  },
};
