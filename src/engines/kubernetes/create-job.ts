import type { ApiClient } from './api-client.ts'
import { isTaken } from './api-error.ts'
import type { Job, Listed, Metadata } from './api-types.ts'

export interface JobOptions {
  readonly body: object
  /** Finds it, with others perhaps. */
  readonly labelSelector: string
  isOurs(job: Job): boolean
  readonly signal?: AbortSignal
}

/** Makes a Job. Where its name is taken, an earlier try may have made it whose answer was lost. */
export async function createJob(client: ApiClient, jobs: string, { body, labelSelector, isOurs, signal }: JobOptions): Promise<Metadata> {
  try {
    const { metadata } = await client.call<Job>('POST', jobs, { body, query: { fieldManager: 'cowait' }, signal })
    return metadata
  } catch (error) {
    if (!isTaken(error)) throw error
    // To read one by its name would be a right more.
    const { items } = await client.call<Listed<Job>>('GET', jobs, { query: { labelSelector }, signal })
    const ours = items.find(isOurs)
    if (!ours) throw error
    return ours.metadata
  }
}
