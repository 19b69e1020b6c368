import { spawn } from 'node:child_process'

/**
 * Reads until the supervisor's end of the pipe is closed, however that comes; what a closing terminal sends is not for it. A folder that
 * is there by then is one of a supervisor that was killed. It may have asked an engine for a worker that comes only now: swept twice.
 */
const script = `trap '' HUP INT QUIT TERM
cat >/dev/null
[ -d "$1" ] || exit 0
rm -rf -- "$1"
shift
for pause in 0 2; do sleep $pause; "$@"; done`

/**
 * Sees to it that a private folder goes with its supervisor, a killed one too, and that `sweep`, a command, then removes what else it
 * left. For engines whose workers leave no process of ours on this host that could. Answers how to end the guard once the folder is gone.
 */
export function guardFolder(directory: string, sweep: readonly string[]): () => void {
  const guard = spawn('/bin/sh', ['-c', script, 'guard', directory, ...sweep], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // A host without a shell: everything waits for the next sweep.
  guard.on('error', () => undefined)
  guard.stdin.on('error', () => undefined)
  guard.unref()
  ;(guard.stdin as { unref?: () => void }).unref?.()
  return () => guard.stdin.destroy()
}
