import { onAbort } from './abort.ts'

/** Waits for `promise`, or rejects when `signal` aborts; the work behind the promise goes on, and its failure is for whoever else waits. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) promise.catch(() => undefined)
  signal.throwIfAborted()
  let stop!: () => void
  const aborted = new Promise<never>((_, reject) => (stop = onAbort(signal, () => reject(signal.reason as Error))))
  try {
    return await Promise.race([promise, aborted])
  } finally {
    stop()
  }
}
