/**
 * Does work that must end in time: its signal aborts with `late` after `ms`, and with `outer`. (Not `AbortSignal.any` over
 * `AbortSignal.timeout`: on Node 20 the collector may take that time-out, and it never comes.)
 */
export async function withTimeLimit<T>(
  { ms, late, outer }: { readonly ms: number; readonly late: Error; readonly outer?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted()
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(late), ms)
  const onAbort = (): void => stop.abort(outer?.reason)
  outer?.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(stop.signal)
  } catch (error) {
    throw stop.signal.reason === late ? late : error
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', onAbort)
  }
}
