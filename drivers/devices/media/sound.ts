import type { Disk } from "#base/env/disk.ts";
import type { FoundDevice } from "../../driver.ts";
import { listNames, readLine } from "../sysfs.ts";
import { deviceOf, hardwareOf, present } from "./hardware.ts";

const CLASS = "/sys/class/sound";
/** Every program of sound opens these, whichever card it plays on. */
const SHARED = ["/dev/snd/timer", "/dev/snd/seq"];

/** Sound cards, and what has only MIDI: all files of a card in /dev/snd, its control first. */
export async function findSound(disk: Disk): Promise<readonly FoundDevice[]> {
  const names = await listNames(disk, CLASS);
  const found: FoundDevice[] = [];
  for (const card of names.filter((name) => /^card\d+$/.test(name))) {
    const hardware = await hardwareOf(disk, `${CLASS}/${card}`);
    if (hardware === undefined) continue;
    const number = card.slice("card".length);
    // controlC0, pcmC0D0p, midiC0D0, hwC0D0: https://docs.kernel.org/sound/
    const own = names.filter((name) => new RegExp(`^(?:controlC|pcmC|midiC|hwC|umpC)${number}(?:D|$)`).test(name));
    const paths = await present(disk, [...own.map((name) => `/dev/snd/${name}`), ...SHARED]);
    if (own.length === 0 || paths.length === 0) continue;
    const id = await readLine(disk, `${CLASS}/${card}/id`);
    const midi = own.some((name) => name.startsWith("midi")) ? "yes" : "no";
    const playback = own.some((name) => /^pcm.*p$/.test(name)) ? "yes" : "no";
    const capture = own.some((name) => /^pcm.*c$/.test(name)) ? "yes" : "no";
    found.push(
      deviceOf(hardware, {
        type: "sound",
        name: id || card,
        paths,
        env: { ALSA_CARD: id || number },
        more: { card: Number(number), midi, playback, capture },
      }),
    );
  }
  return found;
}
