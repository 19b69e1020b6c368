/**
 * The deadline of a supervisor's Job while it is being started, moved on by who starts it: of a start that is killed or cut off nothing
 * stays. It ends when the supervisor has begun its run.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from '../api-client.ts'
import { stopwatch } from '../stopwatch.ts'

/** From the last word of who starts it to the end; a laptop's network may be away for a while. */
export const startLeaseSeconds = 60
const renewMs = 15_000
const renewalMs = 3000

export class StartLease implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #renewing: Promise<void>

  /** From before the Job is created; `job` is its path in the API. */
  constructor(client: ApiClient, job: string) {
    this.#renewing = this.#renew(client, job)
  }

  /** Resolves when no renewal is on its way any more: one that came late would end what goes on alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#renewing
  }

  async #renew(client: ApiClient, job: string): Promise<void> {
    const { signal } = this.#stop
    const elapsedMs = stopwatch()
    for (;;) {
      await pause(renewMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      // What goes wrong with one the next one may mend; that the Job is gone its pod tells.
      await client
        .call('PATCH', job, {
          body: { spec: { activeDeadlineSeconds: Math.ceil(elapsedMs() / 1000) + startLeaseSeconds } },
          contentType: 'application/merge-patch+json',
          patienceMs: 0,
          silenceMs: renewalMs,
          isUrgent: true,
        })
        .catch(() => undefined)
    }
  }
}
