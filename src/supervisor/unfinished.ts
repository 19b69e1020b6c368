/** Of the runs that have not ended, so many at most are calls of one run. */
const callersShare = 0.9

export interface Unfinished {
  readonly all: number
  /** Those that one run has called. */
  readonly ofCaller: number
}

/** How many there may be, if there are more. */
export function exceededUnfinished({ all, ofCaller }: Unfinished, ceiling: number): number | undefined {
  const ofOneCaller = Math.ceil(ceiling * callersShare)
  if (ofCaller > ofOneCaller) return ofOneCaller
  return all > ceiling ? ceiling : undefined
}
