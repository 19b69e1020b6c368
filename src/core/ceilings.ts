/** What the runs of one supervisor may grow to: a guard against tasks that call themselves without end. */
export interface Ceilings {
  /** Levels of calls inside calls; 64 unless told. */
  depth: number
  /** Workers alive at once, those included whose runs only wait for their children; 1,000 unless told. */
  alive: number
  /** Runs that have not ended, at once, those included that wait or whose input is on its way; 100,000 unless told. Nine tenths of them at most are calls of one run. */
  unfinished: number
  /** Runs in all; 1,000,000 unless told. */
  runs: number
}

export const defaultCeilings: Ceilings = { depth: 64, alive: 1_000, unfinished: 100_000, runs: 1_000_000 }
