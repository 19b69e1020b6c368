/** Who calls: a run, or a client's own code. */
export interface CallerIdentity {
  readonly client: string
  readonly parent: string | null
  /** Which attempt of the parent it is; 0 for a client. */
  readonly callerAttempt: number
}

/** A client's id. No run can have it, so that runs and clients can be told apart wherever either may stand. */
export function clientId(name: string): string {
  return `client/${name}`
}

/** Whether both name one caller; a run names the one that called it. */
export function isSameCaller(one: Omit<CallerIdentity, 'callerAttempt'>, other: Omit<CallerIdentity, 'callerAttempt'>): boolean {
  return one.parent === other.parent && one.client === other.client
}

/** What names the caller: a run's id, or a client's. */
export function callerOf({ parent, client }: Pick<CallerIdentity, 'parent' | 'client'>): string {
  return parent ?? client
}
