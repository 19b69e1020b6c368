/** What a promise of ours stands for, so that a loser which is not a run (a `join` in a `race`, a `delay`) ends as a run does. */
import { TaskCancelledError } from './errors.ts'
import { isRun } from './is-run.ts'

type Stop = (reason: string) => Promise<unknown> | void

const stopKey = Symbol.for('cowait.stop')

/**
 * The same as a promise, with a way to end what it waits for. Once it has settled there is nothing to end. It rejects unheard when nobody
 * listens to it: a failure that nobody looked at is to be told.
 */
export function stoppable<T>(promise: Promise<T>, stop: Stop): Promise<T> {
  let isSettled = false
  const told = promise.finally(() => (isSettled = true))
  return Object.defineProperty(told, stopKey, { value: (reason: string) => (isSettled ? undefined : stop(reason)) })
}

/**
 * Runs a word's body. Whoever ends its promise ends what the body said that it holds. A value that comes all the same, in the moment in
 * which it is ended, is nobody's: `undo` gives it back.
 */
export function holding<T>(body: (holds: (values: readonly unknown[]) => void) => Promise<T>, undo?: (value: T) => void): Promise<T> {
  let held: readonly unknown[] = []
  let why: string | undefined
  const running = body((values) => (held = values))
  const kept =
    undo &&
    running.then((value) => {
      if (why === undefined) return value
      undo(value)
      throw lost(why)
    })
  return stoppable(kept ?? running, (reason) => {
    why = reason
    return cancelAll(held, reason)
  })
}

/** A place that came too late. */
export function giveBack(place: Disposable): void {
  place[Symbol.dispose]()
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
