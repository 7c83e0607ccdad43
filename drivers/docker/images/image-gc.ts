import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Engine } from "../engine.ts";
import { findImage } from "./find-image.ts";
import { parseImageName, placeOf } from "./image-name.ts";

export interface ImageGc {
  /** A task is about to use the image that the engine knows by these names. */
  hold(taskId: string, image: HeldImage): void;
  /** It does no more. */
  release(taskId: string): void;
  close(): void;
}

export interface HeldImage {
  readonly names: readonly string[];
  /** It came from an archive of the task, and will again. */
  readonly isLoaded: boolean;
}

export interface ImageGcOptions {
  readonly isEnabled: boolean;
  /** After the last task that used it. */
  readonly delayMs: number;
}

/**
 * Removes images that no task of this agent uses any more, if they can be had again: from a registry, or from a task's
 * archive. What was built or loaded on this node by its people stays. The engine refuses to remove what a container of
 * somebody else's uses.
 */
export function createImageGc(env: Env, engine: Engine, { isEnabled, delayMs }: ImageGcOptions): ImageGc {
  const held = new Map<string, HeldImage>();
  const due = new Map<string, Timer>();
  const isHeld = (name: string): boolean => [...held.values()].some(({ names }) => names[0] === name);

  const collect = async ({ names, isLoaded }: HeldImage): Promise<void> => {
    for (const name of names) {
      if (isHeld(names[0] ?? "")) return;
      const { digests } = await findImage(engine, name);
      if (digests === undefined || !(isLoaded || cameFrom(names, digests))) continue;
      const gone = await engine.call({ method: "DELETE", path: `/images/${name}` });
      if (gone.ok) env.log.info("removed an image that no task uses any more", { image: name });
    }
  };

  return {
    hold(taskId, image) {
      if (isEnabled) held.set(taskId, image);
    },
    release(taskId) {
      const image = held.get(taskId);
      held.delete(taskId);
      const name = image?.names[0];
      if (image === undefined || name === undefined || isHeld(name)) return;
      due.get(name)?.cancel();
      const timer = env.clock.after(delayMs, () => {
        due.delete(name);
        collect(image).catch((thrown: unknown) =>
          env.log.debug("cannot remove an unused image", { image: name, error: messageOf(thrown) }),
        );
      });
      due.set(name, timer);
    },
    close() {
      for (const timer of due.values()) timer.cancel();
    },
  };
}

/** Whether it was fetched by one of these names: the same image may have others, given to it here. */
function cameFrom(names: readonly string[], digests: readonly string[]): boolean {
  const places = new Set(names.map(repositoryOf));
  return digests.some((digest) => places.has(repositoryOf(digest)));
}

function repositoryOf(ref: string): string {
  const { registry, path } = placeOf(parseImageName(ref).name);
  return `${registry}/${path}`;
}
