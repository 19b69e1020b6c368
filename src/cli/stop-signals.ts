import { watchNpm } from './npm-watch.ts'

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Who asks us to stop: signals, a reader that went away, the loss of the npm that started us. */
export interface StopRequests {
  /** The first thing that asked; it decides the exit code. */
  readonly first: StopSignal | undefined
  /** Calls the listener for each request with its number from 1, those that came before included. */
  listen(listener: (signal: StopSignal, nth: number) => void): void
  /** Asks from inside: `SIGINT` for a reader that closed its pipe. Counts only if nothing has asked before. */
  request(signal: StopSignal): void
  /** Leaves the signals alone. What asks without a signal, the loss of npm, goes to `onLost` from then on. */
  close(onLost?: (signal: StopSignal) => void): void
}

export function watchStopRequests(env: NodeJS.ProcessEnv): StopRequests {
  const requests: StopSignal[] = []
  let listener: ((signal: StopSignal, nth: number) => void) | undefined
  const add = (signal: StopSignal): void => {
    requests.push(signal)
    listener?.(signal, requests.length)
  }
  const request = (signal: StopSignal): void => {
    if (requests.length === 0) add(signal)
  }
  const handlers = SIGNALS.map((signal) => ({ signal, handle: () => add(signal) }))
  for (const { signal, handle } of handlers) process.on(signal, handle)
  let isClosed = false
  let onLost: ((signal: StopSignal) => void) | undefined
  const unwatch = watchNpm(env, () => (isClosed ? onLost?.('SIGHUP') : request('SIGHUP')))
  return {
    get first() {
      return requests[0]
    },
    listen(next) {
      listener = next
      requests.forEach((signal, index) => next(signal, index + 1))
    },
    request,
    close(next) {
      isClosed = true
      onLost = next
      if (!next) unwatch()
      for (const { signal, handle } of handlers) process.off(signal, handle)
    },
  }
}
