import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { EngineError } from '../core/errors.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'

/** The name of the socket in a supervisor's private folder. */
export const controlSocketName = 'control.sock'

/** The system's own limit for a socket's path, without the zero at its end (unix(7)); Node cuts what is longer, and says nothing. */
const longestPath = process.platform === 'linux' ? 107 : 103

/** Throws an `EngineError` where the folder's path is too long for a socket in it. */
export function controlSocketIn(directory: string): string {
  const path = join(directory, controlSocketName)
  const excess = Buffer.byteLength(path) - longestPath
  if (excess <= 0) return path
  throw new EngineError(
    `The private folder ${dirname(directory)} cannot be used: its path is ${excess} bytes too long for a socket in it. ` +
      'Set TMPDIR or XDG_RUNTIME_DIR to a folder with a shorter path.',
  )
}

/**
 * Opens the supervisor to other terminals of the same user: list, follow, cancel, over the protocol. Who may connect is decided by
 * the private folder around the socket. Answers how to close it.
 */
export async function openControlSocket(supervisor: Supervisor, directory: string): Promise<() => Promise<void>> {
  const server = createServer((stream) => supervisor.connect(stream))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(controlSocketIn(directory), resolve)
  })
  server.unref()
  const open = new Set<{ destroy(): void }>()
  server.on('connection', (stream) => {
    stream.unref()
    open.add(stream)
    stream.once('close', () => open.delete(stream))
  })
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const stream of open) stream.destroy()
    })
}
