import { watchDev } from './dev-link.ts'
import { watchNpm } from './npm-watch.ts'

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

const SAID: Readonly<Record<StopSignal, string>> = { SIGINT: 'Interrupted', SIGTERM: 'Asked to end', SIGHUP: 'Hung up' }
const SIGNALS = Object.keys(SAID) as readonly StopSignal[]

type StopListener = (signal: StopSignal, nth: number, said: string) => void

/** Who asks us to stop: signals, a reader that went away, the `cowait dev` that started us, the loss of the npm that did. */
export interface StopRequests {
  /** The first thing that asked; it decides the exit code. */
  readonly first: StopSignal | undefined
  /** Calls the listener for each request with its number from 1 and with what people are told, those that came before included. */
  listen(listener: StopListener): void
  /** Asks from inside: `SIGINT` for a reader that closed its pipe. Counts only if nothing has asked before. */
  request(signal: StopSignal): void
  /** Leaves the signals alone. What asks without a signal, the loss of npm, goes to `onLost` from then on. */
  close(onLost?: (signal: StopSignal) => void): void
}

export function watchStopRequests(env: NodeJS.ProcessEnv): StopRequests {
  const requests: { readonly signal: StopSignal; readonly said: string }[] = []
  let listener: StopListener | undefined
  /** What comes from a terminal and by way of `cowait dev` as well, in either order, counts once. */
  const upTo = (nth: number, signal: StopSignal, said = SAID[signal]): void => {
    while (requests.length < nth) {
      requests.push({ signal, said })
      listener?.(signal, requests.length, said)
    }
  }
  let heardHere = 0
  const add = (signal: StopSignal): void => upTo(++heardHere, signal)
  const request = (signal: StopSignal): void => {
    if (requests.length === 0) add(signal)
  }
  watchDev(env, ({ stop, nth, said }) => upTo(nth, stop, said))
  const handlers = SIGNALS.map((signal) => ({ signal, handle: () => add(signal) }))
  for (const { signal, handle } of handlers) process.on(signal, handle)
  let isClosed = false
  let onLost: ((signal: StopSignal) => void) | undefined
  const unwatch = watchNpm(env, () => (isClosed ? onLost?.('SIGHUP') : request('SIGHUP')))
  return {
    get first() {
      return requests[0]?.signal
    },
    listen(next) {
      listener = next
      requests.forEach(({ signal, said }, index) => next(signal, index + 1, said))
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
