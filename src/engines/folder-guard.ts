import { spawn } from 'node:child_process'

/** Reads until the supervisor's end of the pipe is closed, however that comes; what a closing terminal sends is not for it. */
const script = `trap '' HUP INT QUIT TERM; cat >/dev/null; rm -rf -- "$1"`

/**
 * Sees to it that a private folder goes with its supervisor, a killed one too. For engines whose workers leave no process of ours on
 * this host that could. Answers how to end the guard once the folder is gone.
 */
export function guardFolder(directory: string): () => void {
  const guard = spawn('/bin/sh', ['-c', script, 'guard', directory], {
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // A host without a shell: the folder waits for the next sweep.
  guard.on('error', () => undefined)
  guard.stdin.on('error', () => undefined)
  guard.unref()
  ;(guard.stdin as { unref?: () => void }).unref?.()
  return () => guard.stdin.destroy()
}
