import { onAbort } from '../core/abort.ts'
import type { TaskContext } from '../core/context.ts'
import type { TaskBody, TaskDefinition } from '../core/definition.ts'
import { currentClock } from '../core/scope.ts'
import { cancellable } from '../core/cancellable.ts'

export type StandIn = (input: unknown, context: TaskContext) => unknown

/** What is left of a fault when it hits an attempt. */
export type Blow =
  | { readonly kind: 'lose' }
  | { readonly kind: 'fail'; readonly error: Error }
  | { readonly kind: 'delay'; readonly ms: number }

/** The task with another function. Its hooks do not run; its state is made and its methods are there when they are asked for. */
export function withStandIn(definition: TaskDefinition, run: StandIn): TaskDefinition {
  const { input, changesInput } = definition
  return {
    ...definition,
    // What a hook would have made of it is not known.
    input: changesInput ? undefined : input,
    open() {
      let own: TaskBody | undefined
      const opened = (): TaskBody | undefined => (definition.isExternal ? undefined : (own ??= definition.open()))
      return {
        get state() {
          return opened()?.state
        },
        run,
        method: (name) => opened()?.method(name),
      }
    },
  }
}

/** The task with a function that these hit before it begins. */
export function withBlows(definition: TaskDefinition, blows: readonly Blow[], lose: () => void): TaskDefinition {
  if (blows.length === 0) return definition
  return {
    ...definition,
    open() {
      const body = definition.open()
      const run = async (input: unknown, context: TaskContext): Promise<unknown> => {
        for (const blow of blows) await strike(blow, context, lose)
        return body.run(input, context)
      }
      return Object.assign(Object.create(body) as TaskBody, { run })
    },
  }
}

async function strike(blow: Blow, { signal }: TaskContext, lose: () => void): Promise<void> {
  if (blow.kind === 'fail') throw blow.error
  if (blow.kind === 'delay') return await cancellable<void>((resolve) => currentClock().after(blow.ms, resolve))
  lose()
  await new Promise((_, reject) => onAbort(signal, () => reject(signal.reason as Error)))
}
