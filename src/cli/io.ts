import type { Output } from './output.ts'
import type { StopRequests } from './stop-signals.ts'

/** What a command may use of the process around it; read once, at the edge. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin: NodeJS.ReadStream
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** The command line, without the program. */
  readonly args: readonly string[]
  /** Milliseconds since 1970 when the process started. */
  readonly startedAt: number
  readonly stop: StopRequests
  /** Stacks and our own frames are shown. */
  readonly debug: boolean
}
