/** Judges the start of one pod by all that is heard of it: fails it when the pod cannot come. */
import type { EngineError } from '../../core/errors.ts'
import type { StartOf } from './api-error.ts'
import type { Pod } from './api-types.ts'
import { passingProblem, startProblem } from './conditions.ts'
import { Pulls } from './pull-problem.ts'

export interface StartJudgeOptions {
  readonly about: StartOf
  /** How long what a node fails at may last; a call of its runtime has 2 minutes, and the next one may run into that. */
  readonly patienceMs?: number
  fail(problem: EngineError): void
}

const defaultPatienceMs = 150_000

export class StartJudge {
  readonly #options: StartJudgeOptions
  readonly #pulls = new Pulls()
  #passing: EngineError | undefined
  #patience: NodeJS.Timeout | undefined

  constructor(options: StartJudgeOptions) {
    this.#options = options
  }

  hear(pod: Pod): void {
    const { about, patienceMs = defaultPatienceMs, fail } = this.#options
    const problem = startProblem(pod, about, this.#pulls)
    if (problem) return fail(problem)
    this.#passing = passingProblem(pod, about)
    if (!this.#passing) return this.close()
    // A node that fails in the same way again does not say so again.
    this.#patience ??= setTimeout(() => this.#passing && fail(this.#passing), patienceMs)
  }

  /** The pod has come, or nobody waits for it any more. */
  close(): void {
    clearTimeout(this.#patience)
    this.#patience = undefined
  }
}
