import type { Writable } from 'node:stream'

/** Writes several pieces with one call of the system, where the stream can. `done` hears of the last one; there must be one. */
export function writeTogether(stream: Writable, pieces: readonly Uint8Array[], done: (error?: Error | null) => void): void {
  stream.cork()
  for (const [index, piece] of pieces.entries()) stream.write(piece, index === pieces.length - 1 ? done : undefined)
  stream.uncork()
}
