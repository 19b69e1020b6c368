import { setMaxListeners } from 'node:events'

/**
 * Hears of an abort, once. Answers how to stop listening.
 * One signal may have thousands of listeners here, one for each run that it can cancel: that is no leak to warn of.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  setMaxListeners(0, signal)
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}
