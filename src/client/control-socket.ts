import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Supervisor } from '../supervisor/supervisor.ts'

/** The name of the socket in a supervisor's private folder. */
export const controlSocketName = 'control.sock'

/**
 * Opens the supervisor to other terminals of the same user: list, follow, cancel, over the protocol. Who may connect is decided by
 * the private folder around the socket. Answers how to close it.
 */
export async function openControlSocket(supervisor: Supervisor, directory: string): Promise<() => Promise<void>> {
  const server = createServer((stream) => supervisor.connect(stream))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(join(directory, controlSocketName), resolve)
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
