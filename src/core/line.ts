/**
 * The line between a run and its caller: calls of methods in both directions, and streams of items.
 * Each end numbers its own calls from 1, a run's from there on in each attempt's own range; stream 0 is what the run itself yields. In front of the wire these are plain data:
 * how they travel is the business of whoever carries them (see PROTOCOL.md, Line).
 */
import type { ErrorSummary } from './events.ts'
import type { Encoded } from './value.ts'

/** How many items may be on their way or wait for their reader; also what a run may yield before anybody asks. */
export const ITEM_WINDOW = 64
/** Calls of one run that have no answer yet, for each direction. */
export const MAX_OPEN_CALLS = 1_000
/** The stream of what a run yields. */
export const YIELDS = 0

/** The number before that of the first call which a run makes in an attempt: an answer to one that was lost is none to the next one's calls. */
export function callsBefore(attempt: number): number {
  return (attempt - 1) * 2 ** 32
}

export type LineMessage =
  /** Calls a method of the other end; `value` is the list of arguments. */
  | { readonly type: 'rpc'; readonly call: number; readonly method: string; readonly value: Encoded }
  /** The method gives a stream: its items come as they are wanted, then `rpc-result`. */
  | { readonly type: 'rpc-stream'; readonly call: number }
  | { readonly type: 'rpc-result'; readonly call: number; readonly status: 'done'; readonly value: Encoded }
  | {
      readonly type: 'rpc-result'
      readonly call: number
      readonly status: 'failed'
      readonly error: ErrorSummary
      readonly value?: Encoded
    }
  /** Items of a stream, `value` is the list of them. */
  | { readonly type: 'items'; readonly call: number; readonly count: number; readonly value: Encoded }
  /** The reader takes so many items more. */
  | { readonly type: 'want'; readonly call: number; readonly items: number }
  /** The reader of a method's stream has left. */
  | { readonly type: 'leave'; readonly call: number }

export type SendLine = (message: LineMessage) => void
