import type { RunOptions, TaskOptions } from './options.ts'

/** These merge by key; of every other option the later one stands. */
const byKey = new Set(['env', 'volumes', 'tags'])
const inheritedNames = ['image', 'env', 'volumes', 'engine', 'tags'] as const

/** Layers of options as one. A later layer wins; what is undefined in it overrides nothing. */
export function mergeOptions(...layers: readonly (TaskOptions | undefined)[]): TaskOptions {
  return layers.reduce<TaskOptions>((base, over) => merge(base, over ?? {}), {})
}

/** The same for resolved options. */
export function mergeRunOptions(base: RunOptions, over: RunOptions): RunOptions {
  return merge(base, over)
}

/** What a child takes over from its parent: where and with what it runs, not how much of it or for how long. */
export function inherited(parent: RunOptions): RunOptions {
  return Object.fromEntries(inheritedNames.filter((name) => parent[name] !== undefined).map((name) => [name, parent[name]]))
}

function merge<T extends object>(base: T, over: T): T {
  const merged = { ...base }
  for (const [name, value] of definedEntries(over)) {
    const before = (merged as Record<string, unknown>)[name]
    const merges = byKey.has(name) && isRecord(value) && isRecord(before)
    Object.assign(merged, { [name]: merges ? Object.fromEntries([...Object.entries(before), ...definedEntries(value)]) : value })
  }
  return merged
}

function definedEntries(options: object): [string, unknown][] {
  return Object.entries(options).filter(([, value]) => value !== undefined)
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
