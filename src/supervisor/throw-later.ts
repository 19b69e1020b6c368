/** For a bug that must not stop what noticed it: it is thrown where nobody catches it, so that the process tells of it. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}
