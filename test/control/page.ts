/** docs/failure-semantics.md, from the matrix and what came of it. */
import {
  besides,
  callersOf,
  durings,
  engines,
  expectedOf,
  hows,
  nameOf,
  pairwise,
  whos,
  type Cell,
  type EngineName,
  type How,
  type Who,
} from './matrix.ts'
import type { Outcomes } from './outcomes.ts'

const whoWords: Record<Who, string> = {
  cli: 'the command line',
  script: 'a script that calls tasks',
  root: 'the root',
  middle: 'its child',
  leaf: 'its grandchild',
}

const howWords: Record<How, string> = {
  SIGINT: 'SIGINT (Ctrl-C)',
  SIGTERM: 'SIGTERM',
  SIGHUP: 'SIGHUP (the terminal closes)',
  SIGKILL: '`kill -9`',
  exit0: '`process.exit(0)`',
  exit7: '`process.exit(7)`',
  abort: '`process.abort()`',
  rejection: 'a rejection that nobody handles',
  overflow: 'a stack overflow',
  oom: 'running out of memory',
  timeout: '`--timeout`',
  removed: '`docker rm -f`, `kubectl delete pod`',
  crash: 'a crash in native code',
  cut: 'its channel, which is cut',
}

export function failurePage(outcomes: Outcomes): string {
  const cells = engines.flatMap(pairwise)
  const rows = whos.flatMap((who) =>
    hows.flatMap((how) =>
      row(
        cells.filter((cell) => cell.who === who && cell.how === how),
        outcomes,
      ),
    ),
  )
  const counts = engines.map((engine) => cells.filter((cell) => cell.engine === engine && outcomes[nameOf(cell)]).length)
  return `# Who dies, and what happens

A tree of runs stands: a root, its child, its grandchild, and beside each of the first two a sibling. Then one of them dies, or the command line or script
that started the tree. Whoever it is, and whatever it was doing: within 10 s (pods: 15 s) **nothing is left** (no process, container, pod, Job,
secret, socket or file; looked for from outside, in \`/proc\`, at the Docker daemon and the cluster, and on disk; and no network or volume at
the end of it all), every caller that still waits **gets an error that
names the cause**, the exit code is the one below, and the **last lines** that the dead one printed are there.

\`npm run test:kill\` plays this and writes this page: ${counts[0]} cells on processes, ${counts[1]} on containers, ${counts[2]} on pods. Each cell is one way to die, while the one
who dies does something, beside siblings that do something else; every pair of these occurs on each engine. Every run of the tests plays a
selection. The cells are data, in [test/control/matrix.ts](../test/control/matrix.ts).

- While it is doing: ${durings.map((during) => duringWords[during]).join(', ')}.
- Its siblings: ${besides.map((beside) => duringWords[beside]).join(', ')}.

## The table

The last columns are from the death until nothing is left any more: the slowest of the cells played there, three at a time on two busy
cores. For who is asked to end (by a signal that can be caught, or a time-out) they are from the asking, with all that it takes to end, the grace of 1 s
included. On pods it may take 15 s: what a killed supervisor left there, the cluster removes when the lease has run out.

| who dies | of what | its caller gets | exit code | processes | containers | pods |
|---|---|---|---|---|---|---|
${rows.join('\n')}

A child that fails fails its caller, unless that one catches it: the trees above let it pass, hence their exit code 1. The exit code of a
script is the script's own affair.

A channel is cut while both its ends live: in a process and in a pod the worker closes its descriptors, in a container the connection to the
engine is cut. Between a pod and its supervisor a connection that is cut comes back, and nobody notices
([session.test.ts](../test/engines/kubernetes/session.test.ts), [api-trouble.cluster.test.ts](../test/engines/kubernetes/api-trouble.cluster.test.ts)).

## When the engine itself dies

- The Docker daemon, killed or restarted in order: its containers go with it, so every run is lost, and says so. What the daemon still
  lists when it is back is removed by the next run on it ([daemon.test.ts](../test/control/daemon.test.ts)). One that is stuck, or has a
  full disk, is told as such, and used again when it answers ([broken-engine.test.ts](../test/engines/docker/broken-engine.test.ts)).
- The API server of a cluster, restarted: its pods go on, and so do their runs
  ([api-restart.cluster.test.ts](../test/engines/kubernetes/api-restart.cluster.test.ts)).
- The API server of a cluster, away for longer. For a supervisor outside of the cluster all channels go through it: 5 s after they broke, the pods
  take their supervisor for gone and end, and the runs are lost; the same goes for a network that is cut. For one inside (\`--detach\`, or a
  program in a pod) runs that have begun go on for up to a minute, and end as they should; what is to start waits for about 10 s, then
  fails. After that minute the cluster, as soon as it is back, takes the lease for missed and removes the tree
  ([detached.cluster.test.ts](../test/engines/kubernetes/detached.cluster.test.ts)).

## How it holds

- What a task starts lives in its worker and dies with it: subprocesses, and their children that have left the process group. In a process
  there is one limit: a subprocess that leaves the group **and** drops its environment (a daemon, as \`env -i setsid\` starts it) has
  nothing by which it could be found, and outlives its worker, however that ends. On macOS leaving the group is enough for that. Nothing
  leaves a container or a pod.
- A guard beside the workers ends them when the supervisor's end of its pipe closes: that is what \`kill -9\` of the command line comes to.
- What a killed supervisor left at the Docker engine is found by its labels and removed, by the guard and again by the next start of any supervisor.
- In a cluster all belongs to a Job whose deadline the supervisor moves on every few seconds; when nobody does, the cluster removes it all.
- A worker that does not end within its grace is killed. A worker is alive as long as its process is: a loop that never awaits is not taken
  for a death.

## What a task can see

- No worker gets a variable of the host that was not asked for. Its own variables and its input travel on its channel alone: they are in no
  list of processes, no \`docker inspect\`, no label and, but for the input, in no event.
- A task in a container sees itself: no process, socket or folder of the host, nothing of other runs.
- A task in a process is a process of yours. It can read what you can read: your files, your other processes, the Docker socket if you may
  use it. The kernel lets processes of one user signal each other and read and write each other's memory (\`/proc/PID/mem\`, ptrace; Yama's
  \`ptrace_scope\` narrows that to descendants), so a task can do so to other runs and to the supervisor. What engine \`process\` keeps apart
  are the variables, descriptors, working memory, output and deaths of tasks that mean well: it protects from mistakes, not from malice.
  Run what you do not trust in containers.
`
}

const duringWords: Record<Cell['during'], string> = {
  idle: 'awaiting a timer',
  awaiting: 'awaiting a child',
  busy: 'computing in a loop',
  stubborn: 'ignoring SIGTERM',
  subprocess: 'running a subprocess, with a grandchild that has left the process group',
  start: 'loading its module',
  result: 'returning 100 MB',
  finally: 'in a `finally` block',
  retrying: 'being retried',
}

function row(cells: readonly Cell[], outcomes: Outcomes): string[] {
  const [first] = cells
  if (!first) return []
  const { who, how } = first
  const told = [...new Set(cells.flatMap((cell) => outcomes[nameOf(cell)]?.told ?? []))].sort()
  const exits = [...new Set(cells.map((cell) => String(expectedOf(cell).exit)))].sort()
  const error = callersOf(who).length === 0 && who !== 'root' ? '(nobody is left)' : told.join('<br>')
  return [
    `| ${[whoWords[who], howWords[how], error, exits.join(' or '), ...engines.map((engine) => slowest(cells, engine, outcomes))].join(' | ')} |`,
  ]
}

function slowest(cells: readonly Cell[], engine: EngineName, outcomes: Outcomes): string {
  const seconds = cells.flatMap((cell) => (cell.engine === engine ? (outcomes[nameOf(cell)]?.seconds ?? []) : []))
  return seconds.length === 0 ? '' : `${Math.max(...seconds).toFixed(1)} s`
}
