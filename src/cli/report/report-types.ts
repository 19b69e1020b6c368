/** What is embedded in a report's page; read by the browser code. Times are milliseconds from the first event. */
export interface ReportData {
  readonly title: string
  readonly command: readonly string[]
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly durationMs: number
  /** From the first event to the last: the width of the waterfall. */
  readonly spanMs: number
  readonly status: string
  readonly exitCode?: number
  /** Index of the run that made the root fail. */
  readonly cause?: number
  readonly left: readonly string[]
  readonly runs: readonly ReportRun[]
  readonly lines: readonly LogLine[]
  /** Log lines that are not here. */
  readonly missing: number
}

export interface ReportRun {
  readonly id: string
  readonly label: string
  readonly task: string
  readonly engine: string
  readonly depth: number
  /** Index of the parent. */
  readonly parent?: number
  readonly status: string
  readonly attempt: number
  readonly segments: readonly Segment[]
  readonly spentMs: { readonly waiting: number; readonly starting: number; readonly running: number }
  readonly input?: unknown
  readonly inputBytes?: number
  readonly output?: unknown
  readonly outputBytes?: number
  readonly error?: { readonly text: string; readonly lastLines?: readonly string[] }
}

export interface Segment {
  readonly status: 'waiting' | 'starting' | 'running'
  readonly from: number
  to?: number
}

/** Index of the run, time, whether it is an error line, text. */
export type LogLine = readonly [number, number, 0 | 1, string]
