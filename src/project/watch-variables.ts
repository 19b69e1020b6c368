import { syncBuiltinESMExports } from 'node:module'

/** What a program looked at of its environment. */
export interface VariableReads {
  readonly names: readonly string[]
  /** It asked which variables there are. */
  readonly isListed: boolean
}

/** From now on `process.env` remembers what it is asked for; the answer tells it. */
export function watchVariables(): () => VariableReads {
  const names = new Set<string>()
  let isListed = false
  const note = (name: string | symbol): void => {
    if (typeof name === 'string') names.add(name)
  }
  process.env = new Proxy(process.env, {
    get: (variables, name): unknown => {
      note(name)
      return Reflect.get(variables, name)
    },
    has: (variables, name) => {
      note(name)
      return Reflect.has(variables, name)
    },
    getOwnPropertyDescriptor: (variables, name) => {
      // Asked of each name by whoever lists them.
      if (!isListed) note(name)
      return Reflect.getOwnPropertyDescriptor(variables, name)
    },
    ownKeys: (variables) => {
      isListed = true
      return Reflect.ownKeys(variables)
    },
    // Not with the proxy as the receiver: the environment refuses what a proxy makes of an assignment.
    set: (variables, name, value) => Reflect.set(variables, name, value),
  })
  syncBuiltinESMExports()
  return () => ({ names: [...names].sort(), isListed })
}
