/** Who calls: a run, or a client's own code. */
export interface CallerIdentity {
  readonly client: string
  readonly parent: string | null
}

/** Whether both name one caller; a run names the one that called it. */
export function isSameCaller(one: CallerIdentity, other: CallerIdentity): boolean {
  return one.parent === other.parent && one.client === other.client
}
