import type { Ceilings } from '../core/ceilings.ts'
import type { ErrorSummary } from '../core/events.ts'
import type { RunRecord } from './tree-messages.ts'

const reasons: Readonly<Record<keyof Ceilings, (allowed: string) => string>> = {
  depth: (allowed) => `it would be more than ${allowed} levels of calls inside calls. Does a task call itself without end?`,
  alive: (allowed) => `${allowed} workers are alive, and all of them wait for calls like this one. Does a task call itself without end?`,
  unfinished: (allowed) => `${allowed} runs have not ended. Does a task call without end and await nothing?`,
  runs: (allowed) => `there were ${allowed} runs already. Does a task make calls without end?`,
}

/** The error of a run that a ceiling kept from starting. */
export function exceededError(run: Pick<RunRecord, 'id' | 'name'>, ceiling: keyof Ceilings, allowed: number): ErrorSummary {
  const message = `it was not started: ${reasons[ceiling](allowed.toLocaleString('en'))} If it does not, raise limits.${ceiling} in the config.`
  return { code: 'LIMIT_EXCEEDED', name: 'Error', message, path: [{ id: run.id, task: run.name }] }
}
