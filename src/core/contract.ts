/** What a task wants to call at its caller. Only a type: nothing of it exists at run time. */
export interface Contract<C> {
  readonly '~contract': C
}

/**
 * Declares the methods that a task calls at its caller: `parent: contract<{ limit(): number; note?(text: string): void }>()`.
 * A caller must then pass `handlers`; a method marked optional may be missing there, and is undefined in `ctx.parent` then.
 */
export function contract<C extends object>(): Contract<C> {
  return {} as Contract<C>
}
