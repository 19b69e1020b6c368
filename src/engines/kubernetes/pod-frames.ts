/** What the supervisor's end and the pod's end say to each other, beside the bytes that they carry. */
export const down = { setup: 1, archive: 2, channel: 3, channelEnd: 4, end: 5, keep: 6, listen: 7 } as const
export const up = { output: 1, channel: 2, channelEnd: 3, exit: 4, listening: 5 } as const

/** What is needed to start the worker once the archive has been unpacked. */
export interface Setup {
  /** Program and arguments. */
  readonly argv: readonly string[]
  readonly cwd: string
  /** From the channel's end to the kill. */
  readonly orphanGraceMs: number
  /** After the worker's end the pod waits a moment for `keep`, which makes it stay. */
  readonly keep?: boolean
  /** What is started is a supervisor, which goes on alone from the moment when all that it is told has arrived. */
  readonly detached?: {
    /** The file that keeps the archive as it came, for the workers to come. */
    readonly archive: string
    /** From the cluster's SIGTERM to the kill. */
    readonly graceMs: number
  }
}

/** How the worker ended; `fault` when it never began. */
export interface PodExit {
  readonly code: number | null
  readonly signal: string | null
  /** The cluster told the pod to end; it says why elsewhere. */
  readonly wasTerminated?: boolean
  /** The pod ended it, since its supervisor was out of reach. */
  readonly wasOrphaned?: boolean
  /** The kernel killed a process of the pod for want of memory. */
  readonly outOfMemory?: boolean
  readonly peakBytes?: number
  readonly limitBytes?: number
  readonly fault?: string
}

/** Asks for the worker's end: SIGTERM, and SIGKILL after the grace. */
export interface EndRequest {
  readonly graceMs: number
}

/** Asks the pod to listen on its own addresses, for connections that know the key. */
export interface Listen {
  readonly port: number
  /** In base64. */
  readonly key: string
}

/** Where it does, or why it cannot. */
export type Listening = { readonly addresses: readonly string[]; readonly port: number } | { readonly problem: string }

/** An entry of the archive: this as a line of JSON, then `size` bytes. `at` is absolute. */
export interface ArchiveEntry {
  readonly at: string
  readonly size?: number
  readonly mode?: number
  readonly link?: string
}

export const tokenBytes = 32
