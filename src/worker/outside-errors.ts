/**
 * Errors that the function's own promise cannot tell: an exception in a callback, a rejection that nobody handles. Until the answer
 * leaves, the first one fails the run; each that comes too late for that is printed. None is lost, none told twice.
 */
import { inspect } from 'node:util'
import { cleanStack } from '../core/stack-text.ts'
import type { Output } from './output.ts'

export class OutsideErrors {
  readonly #output: Output
  readonly #failed: Promise<never>
  #fail!: (error: unknown) => void
  #first: { readonly error: unknown } | undefined
  #isDecided = false
  readonly #told = new WeakSet<object>()

  constructor(output: Output) {
    this.#output = output
    this.#failed = new Promise((_, reject) => (this.#fail = reject))
    this.#failed.catch(() => undefined)
  }

  add(error: unknown): void {
    if (!this.#isNew(error)) return
    if (this.#isDecided || this.#first) return printUncaught(this.#output, error)
    this.#first = { error }
    this.#fail(error)
  }

  /** What `work` comes to, unless an error comes from outside before. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#failed, work])
  }

  /** The answer leaves now. Throws what came before it and was not raced with. */
  succeed(): void {
    if (this.#first) throw this.#first.error
    this.#isDecided = true
  }

  /** The run fails with `error`. */
  fail(error: unknown): void {
    if (this.#isDecided) return
    this.#isDecided = true
    if (this.#first && !Object.is(this.#first.error, error)) printUncaught(this.#output, this.#first.error)
    this.#isNew(error)
  }

  /** One error may reject several promises. */
  #isNew(error: unknown): boolean {
    if (typeof error !== 'object' || error === null) return true
    if (this.#told.has(error)) return false
    this.#told.add(error)
    return true
  }
}

/** Says what could not become the outcome of a run. */
export function printUncaught(output: Output, error: unknown): void {
  cleanStack(error)
  output.log('error', `Uncaught, and too late to fail the run: ${shown(error)}`, {})
}

function shown(error: unknown): string {
  try {
    return inspect(error)
  } catch {
    return 'an error that cannot be shown'
  }
}
