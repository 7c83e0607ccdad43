import { messageOf } from "#base/env/errors.ts";
import { socketOf } from "../image/load-image.ts";
import { answersPing, startPrivateDockerd } from "../setup/private-dockerd.ts";

/** A Docker engine to use. */
export interface Engine {
  /** In the form of `DOCKER_HOST`. */
  readonly host: string;
  /** Ours: ended with us. */
  readonly own: boolean;
  stop(): Promise<void>;
}

/** The engine that answers; where there is none, one of our own; undefined, and why, when that cannot be. */
export async function findEngine(
  dockerHost: string | undefined,
  dataFolder: string,
  say: (text: string) => void,
): Promise<Engine | undefined> {
  const socket = socketOf(dockerHost);
  if (await answersPing(socket)) return { host: `unix://${socket}`, own: false, stop: () => Promise.resolve() };
  try {
    const own = await startPrivateDockerd(dataFolder);
    return { host: own.host, own: true, stop: () => own.stop() };
  } catch (error) {
    say(`no Docker engine: none answers at ${socket}, and none of our own can run: ${messageOf(error)}`);
    return undefined;
  }
}
