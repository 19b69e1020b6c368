/**
 * What a container runs: a shell as process 1 that guards the worker.
 *
 * 1. The channel is the container's standard input and output. Both are moved away before anything else runs: the worker writes it
 *    on descriptor 3 and reads it on 4; its own input is `/dev/null`, its output is the error stream.
 * 2. The worker is a child of process 1, since a process 1 that loops cannot be killed from inside.
 * 3. One `cat` carries the channel. When it ends (the supervisor is gone, or let go), the worker has the grace, then all is killed.
 * 4. The shell passes SIGTERM on, reaps what is orphaned, and ends with the worker's own code. So no init process is needed, which
 *    not every engine has.
 * 5. Where the container may be kept, the shell outlives the worker: it ends everything else, tells the worker's code by a mark on both
 *    streams (see end-mark.ts; neither ends before the container does), and ends too unless it was told to stay, before or within a
 *    moment.
 */

import type { EndMark } from './end-mark.ts'

/** What the worker's process sees of the guard's end when the image has no `node`: as a shell says it. */
export const notFoundCode = 127

/** Tells a container that may be kept to stay. */
export const keepSignal = 'SIGUSR1'

/** How long it waits for that after its worker's end. */
const undecidedSeconds = 5

// `wait` comes back early when a signal was trapped, so it is asked again until the worker is really gone. Errors of the guard's own
// (`Killed`) are not the worker's output.
const script = `g=$1 k=$2 s=; shift 2
command -v "$1" >/dev/null 2>&1 || { echo "$1: not found in this image" >&2; exit ${notFoundCode}; }
exec 3>&1 1>&2 5<&0 0</dev/null
for d in /dev/shm /tmp; do f=$d/c$$; mkfifo -m 600 "$f" 2>/dev/null && break; done
(exec 3>&- 1>"$f" 2>/dev/null; rm -f "$f"; cat <&5; exec 1>&-; sleep "$g"; kill -9 -1) &
"$@" 4<"$f" 5<&- & p=$!
trap 'kill -TERM $p 2>/dev/null' TERM
exec 5<&-
if [ -n "$k" ]; then trap 's=1' ${keepSignal.slice(3)}; else exec 3>&-; fi
while :; do wait $p 2>/dev/null; c=$?; kill -0 $p 2>/dev/null || break; done 2>/dev/null
[ -n "$k" ] || exit $c
trap 'exit $c' TERM
kill -9 -1 2>/dev/null
printf '\\000%s %03d\\n' "$k" $c >&3
printf '\\000%s %03d\\n' "$k" $c >&2
n=0; while [ -n "$s" ] || [ $n -lt ${undecidedSeconds} ]; do sleep 1 & wait $!; n=$((n+1)); done
exit $c`

export interface Launch {
  readonly program: string
  /** How long a worker without its supervisor has. */
  readonly graceSeconds: number
  /** Of a container that may outlive its worker. */
  readonly endMark: EndMark | undefined
}

/** Entrypoint and command of a worker's container. */
export function launchLine({ program, graceSeconds, endMark }: Launch): { Entrypoint: string[]; Cmd: string[] } {
  return { Entrypoint: ['sh', '-c', script, 'cowait'], Cmd: [String(graceSeconds), endMark?.word ?? '', 'node', program] }
}
