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
  close(): void
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
  const unwatch = watchNpm(env, () => request('SIGHUP'))
  return {
    get first() {
      return requests[0]
    },
    listen(next) {
      listener = next
      requests.forEach((signal, index) => next(signal, index + 1))
    },
    request,
    close() {
      unwatch()
      for (const { signal, handle } of handlers) process.off(signal, handle)
    },
  }
}
