import { onAbort } from './abort.ts'
import { currentScope } from './scope.ts'

/** Begins a wait; answers how to take it back. */
export type Begin<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void

/** A wait that ends at once, with the reason, when the scope around it or one of the signals is cancelled. */
export function cancellable<T>(begin: Begin<T>, ...signals: readonly (AbortSignal | undefined)[]): Promise<T> {
  const heard = [currentScope()?.signal, ...signals].filter((signal) => signal !== undefined)
  return new Promise<T>((resolve, reject) => {
    const aborted = heard.find((signal) => signal.aborted)
    if (aborted) return reject(aborted.reason as Error)
    let withdraw = (): void => undefined
    const stops = heard.map((signal) =>
      onAbort(signal, () => {
        stopListening()
        withdraw()
        reject(signal.reason as Error)
      }),
    )
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
}
