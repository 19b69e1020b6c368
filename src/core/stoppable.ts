/** What a promise of ours stands for, so that a loser which is not a run (a `join` in a `race`, a `delay`) ends as a run does. */
import { TaskCancelledError } from './errors.ts'
import { isRun } from './is-run.ts'

type Stop = (reason: string) => Promise<unknown> | void

const stopKey = Symbol.for('cowait.stop')

/** The promise, with a way to end what it waits for. Once it has settled there is nothing to end. */
export function stoppable<T>(promise: Promise<T>, stop: Stop): Promise<T> {
  let isSettled = false
  const settle = (): void => void (isSettled = true)
  promise.then(settle, settle)
  return Object.defineProperty(promise, stopKey, { value: (reason: string) => (isSettled ? undefined : stop(reason)) })
}

/** Runs a word's body. Whoever ends its promise ends what the body said that it holds. */
export function holding<T>(body: (holds: (values: readonly unknown[]) => void) => Promise<T>): Promise<T> {
  let held: readonly unknown[] = []
  return stoppable(
    body((values) => (held = values)),
    (reason) => cancelAll(held, reason),
  )
}

/** Cancels the runs among them, and what the words among them wait for. Resolves when these are gone; never rejects. */
export async function cancelAll(values: readonly unknown[], reason: string): Promise<void> {
  await Promise.all(values.map(async (value) => await (isRun(value) ? value.cancel(reason) : stopOf(value)?.(reason))))
}

/** Why a wait ends that lost. */
export function lost(reason: string): TaskCancelledError {
  return new TaskCancelledError({ task: '', message: `cancelled: ${reason}` })
}

function stopOf(value: unknown): Stop | undefined {
  return value instanceof Promise ? (value as { [stopKey]?: Stop })[stopKey] : undefined
}
