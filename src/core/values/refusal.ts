import { MAX_DEPTH, MAX_HOLES, MAX_REGEXP_LENGTH, MAX_REGEXPS_LENGTH } from './limits.ts'

/** Why a value cannot cross a border, after its path: `is a function`, and what to do instead. */
export interface Refusal {
  readonly problem: string
  readonly advice: string
}

const border = 'it cannot cross a container border.'

/** For a function, a symbol, or an object that is neither plain nor of a known class. */
export function refusalOf(value: unknown): Refusal {
  if (typeof value === 'function') return refusalOfFunction(value)
  if (typeof value === 'symbol') return { problem: `is the symbol ${String(value)}`, advice: `${border} Pass a string.` }
  const object = value as object
  if (Symbol.for('cowait.run') in object) return { problem: 'is a TaskRun', advice: 'await it first' }
  if (isThenable(object)) return { problem: 'is a Promise', advice: 'await it first' }
  const name = classNameOf(object)
  if (name === 'SharedArrayBuffer') return { problem: 'is shared memory', advice: `${border} Pass a copy of its bytes.` }
  if (name === 'AbortSignal') return { problem: 'is an AbortSignal', advice: `${border} Pass it as the option signal of the call.` }
  const advice =
    typeof (object as { toJSON?: unknown }).toJSON === 'function' ? 'what its toJSON() returns' : 'plain data, such as { ...value }'
  return { problem: `is an instance of ${name}`, advice: `its class cannot cross a container border. Pass ${advice}.` }
}

function isThenable(value: object): boolean {
  return typeof (value as { then?: unknown }).then === 'function'
}

function refusalOfFunction(value: object): Refusal {
  if ('~task' in value) return { problem: 'is a task', advice: `${border} Pass data, and call the task where it is needed.` }
  return { problem: 'is a function', advice: `${border} Pass data, or make it a task.` }
}

function classNameOf(value: object): string {
  const { constructor } = value
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'a class without a name'
}

export const tooDeep: Refusal = {
  problem: `is nested more than ${MAX_DEPTH} levels deep`,
  advice: 'pass a flat list with ids instead of a chain of objects.',
}

export const tooSparse: Refusal = {
  problem: `is a sparse array with more than ${MAX_HOLES} holes`,
  advice: 'pass a Map or an object instead.',
}

export const regExpTooLong: Refusal = {
  problem: 'is a RegExp too long',
  advice: `one may have ${MAX_REGEXP_LENGTH} characters, all of a value ${MAX_REGEXPS_LENGTH}. Pass their parts as data.`,
}
export const urlTooLong: Refusal = { problem: 'is a very long URL', advice: 'pass its data as a Buffer.' }

export function cycleTo(path: string): Refusal {
  return { problem: `refers back to ${path}`, advice: 'cycles cannot cross a container border. Pass an id, or leave it out.' }
}

export function symbolKey(key: symbol): Refusal {
  return { problem: `has the symbol key ${String(key)}`, advice: `${border} Use a string as the key.` }
}
