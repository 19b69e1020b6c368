import { onAbort } from './abort.ts'
import { currentScope } from './scope.ts'
import { lost, stoppable } from './stoppable.ts'

/** Begins a wait; answers how to take it back. */
export type Begin<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void

/** A wait that ends at once, with the reason, when the scope around it or one of the signals is cancelled, or when it loses a race. */
export function cancellable<T>(begin: Begin<T>, ...signals: readonly (AbortSignal | undefined)[]): Promise<T> {
  const heard = [currentScope()?.signal, ...signals].filter((signal) => signal !== undefined)
  let stop: (error: Error) => void = () => undefined
  const waiting = new Promise<T>((resolve, reject) => {
    const aborted = heard.find((signal) => signal.aborted)
    if (aborted) return reject(aborted.reason as Error)
    let withdraw = (): void => undefined
    stop = (error) => {
      stopListening()
      withdraw()
      reject(error)
    }
    const stops = heard.map((signal) => onAbort(signal, () => stop(signal.reason as Error)))
    const stopListening = (): void => stops.forEach((stop) => stop())
    withdraw = begin(
      (value) => {
        stopListening()
        resolve(value)
      },
      (error) => {
        stopListening()
        reject(error as Error)
      },
    )
  })
  return stoppable(waiting, (reason) => stop(lost(reason)))
}
