/**
 * What a container runs: a shell as process 1 that guards the worker.
 *
 * 1. The channel is the container's standard input and output. Both are moved away before anything else runs: the worker writes it
 *    on descriptor 3 and reads it on 4; its own input is `/dev/null`, its output is the error stream.
 * 2. The worker is a child of process 1, since a process 1 that loops cannot be killed from inside.
 * 3. One `cat` carries the channel. When it ends (the supervisor is gone, or let go), the worker has the grace, then all is killed.
 * 4. The shell passes SIGTERM on, reaps what is orphaned, and ends with the worker's own code. So no init process is needed, which
 *    not every engine has.
 */

/** What the worker's process sees of the guard's end when the image has no `node`: as a shell says it. */
export const notFoundCode = 127

// `wait` comes back early when a signal was trapped, so it is asked again until the worker is really gone. Errors of the guard's own
// (`Killed`) are not the worker's output.
const script = `g=$1; shift
command -v "$1" >/dev/null 2>&1 || { echo "$1: not found in this image" >&2; exit ${notFoundCode}; }
exec 3>&1 1>&2 5<&0 0</dev/null
for d in /dev/shm /tmp; do f=$d/c$$; mkfifo -m 600 "$f" 2>/dev/null && break; done
(exec 3>&- 1>"$f" 2>/dev/null; rm -f "$f"; cat <&5; exec 1>&-; sleep "$g"; kill -9 -1) &
"$@" 4<"$f" 5<&- & p=$!
trap 'kill -TERM $p 2>/dev/null' TERM
exec 3>&- 5<&-
while :; do wait $p 2>/dev/null; c=$?; kill -0 $p 2>/dev/null || break; done 2>/dev/null
exit $c`

/** Entrypoint and command of a worker's container. `graceSeconds` is how long a worker without its supervisor has. */
export function launchLine(program: string, graceSeconds: number): { Entrypoint: string[]; Cmd: string[] } {
  return { Entrypoint: ['sh', '-c', script, 'cowait'], Cmd: [String(graceSeconds), 'node', program] }
}
