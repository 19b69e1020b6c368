/** Sees to it that nothing stays of what a module starts, or does without end, while it is described. */
import { randomBytes } from 'node:crypto'

/**
 * As soon as whoever waits lets go of descriptor 4, done or dead, all that carries the mark is ended, whatever group it went to, and then
 * the process group, for what dropped the mark. The program itself is stopped at first and goes with its group: when it is gone, all is.
 * Its number is nobody else's by then, since the shell that does this is in its group; that shell has no mark itself. On macOS, which
 * shows no other process's environment, the group alone is ended. Variables are told apart by NUL, which a grep without `-z` takes for
 * the end of a line.
 */
const SCRIPT = `mark=$1; shift
(
  exec 3>&-
  cat <&4
  grep -qszF -e PATH= /proc/self/environ && nul=z || nul=
  kill -STOP $$
  for turn in 1 2 3 4 5; do
    found=
    for path in $(grep "-lsF$nul" -e "COWAIT_DESCRIBE=$mark" /proc/[0-9]*/environ); do
      pid=\${path#/proc/} pid=\${pid%/environ}
      [ "$pid" = $$ ] || found="$found $pid"
    done
    [ "$found" ] || break
    kill -9 $found
  done
  kill -9 0
) >/dev/null 2>&1 &
export COWAIT_DESCRIBE="$mark"
exec "$@" 4<&-`

/** The arguments of `/bin/sh` for a program that is to be the leader of a process group, with a pipe as its descriptor 4. */
export function guarded(program: readonly string[]): string[] {
  return ['-c', SCRIPT, 'sh', randomBytes(8).toString('hex'), ...program]
}
