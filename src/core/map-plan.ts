import { atCallerLine, captureFrames } from './caller-line.ts'
import { signalFault } from './check-signal.ts'
import { UsageError } from './errors.ts'
import type { TaskOptions } from './options.ts'
import type { PoolPlan } from './pool.ts'
import { show } from './show.ts'
import type { Task } from './types.ts'

export interface MapOptions {
  /** How many calls run at once; 16 unless told. */
  concurrency?: number | undefined
  /** Options of each call; for tasks only. */
  options?: TaskOptions | undefined
  /** Cancels the calls when it aborts. */
  signal?: AbortSignal | undefined
}

export type Items<T> = Iterable<T> | AsyncIterable<T>

const defaultConcurrency = 16

/** What `map` and `mapStream` were asked to do. Mistakes are told at the line that called `below`, before anything starts. */
export function planMap(
  below: (...args: never[]) => unknown,
  work: unknown,
  items: unknown,
  options: MapOptions,
): PoolPlan<unknown, unknown> {
  const { concurrency = defaultConcurrency } = options
  const fault = faultOf(below.name, work, items, { ...options, concurrency })
  if (fault) throw atCallerLine(fault, below)
  const call = callOf(work as (item: unknown, index: number) => unknown, options)
  return { call, items: items as Items<unknown>, concurrency, frames: captureFrames(below) }
}

function callOf(work: (item: unknown, index: number) => unknown, { options }: MapOptions): (item: unknown, index: number) => unknown {
  if (!isTask(work)) return work
  const task = options ? work.with(options) : work
  return (item) => task(item as object)
}

function faultOf(name: string, work: unknown, items: unknown, { concurrency, options, signal }: MapOptions): Error | undefined {
  if (typeof work !== 'function')
    return new TypeError(`${name}() takes a task or a function first; it got ${show(work)}. Write ${name}(square, items).`)
  const isIterable = items !== null && items !== undefined && (Symbol.iterator in Object(items) || Symbol.asyncIterator in Object(items))
  if (!isIterable) return new TypeError(`${name}() takes items second, something to loop over; it got ${show(items)}.`)
  if (concurrency !== Infinity && !(Number.isSafeInteger(concurrency) && (concurrency as number) > 0))
    return new UsageError(`${name}() has concurrency ${show(concurrency)}: a whole number above 0 is needed.`)
  if (options && !isTask(work))
    return new UsageError(`${name}() has options, but ${work.name || 'what it calls'} is a plain function: options are for tasks.`)
  return signalFault(signal, `${name}()`)
}

function isTask(work: unknown): work is Task<object, unknown> {
  return typeof work === 'function' && '~task' in work
}
