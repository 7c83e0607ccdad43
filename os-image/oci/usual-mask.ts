/**
 * Does its work under the usual mask of permissions, and gives the process its own back: modes of what is made here are in the
 * image, and those of the builder's own files are not its business. Of one process only one work at a time.
 */
export async function withUsualMask<T>(work: () => Promise<T>): Promise<T> {
  const before = process.umask(0o022);
  try {
    return await work();
  } finally {
    process.umask(before);
  }
}
