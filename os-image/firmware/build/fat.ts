import type { Result } from "#base/env/errors.ts";
import type { Workshop } from "./workshop.ts";

export interface FatOptions {
  /** Name of a folder in the work folder, and of the image to make there. */
  readonly folder: string;
  readonly image: string;
  readonly mebibytes: number;
  /** At most eleven capital letters. */
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly id: string;
}

/** A file system with FAT that holds a folder; the same folder gives the same bytes. */
export async function fatImage(workshop: Workshop, options: FatOptions): Promise<Result<string>> {
  const { folder, mebibytes, name, id } = options;
  const image = `/making/${options.image}`;
  return workshop.run([
    "sh",
    "-ec",
    [
      `rm -f ${image}`,
      `truncate -s ${mebibytes}M ${image}`,
      `mkfs.fat --invariant -F 32 -i ${id} -n ${name} ${image}`,
      `cd /making/${folder}`,
      // In order, and with times of their own, so that the bytes do not depend on the machine.
      "find . -exec touch -h -d @$SOURCE_DATE_EPOCH {} +",
      `for each in $(find . -type d | sort); do [ $each = . ] || mmd -i ${image} ::$each; done`,
      `for each in $(find . -type f | sort); do mcopy -m -i ${image} $each ::$each; done`,
    ].join("\n"),
  ]);
}
