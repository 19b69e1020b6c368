import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const EVERY_MS = 250
const PACKAGE_MANAGER = /^(npm|npx|pnpm|pnpx|yarn|yarnpkg)(-cli)?(\.[cm]?js)?$/

interface Ancestor {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/**
 * Started through npm or npx, a signal to npm does not always reach us, and its death never does. So the chain of processes up to
 * npm is watched: when one of its links breaks, `onLost` is called once. Does nothing when npm did not start us.
 */
export function watchNpm(env: NodeJS.ProcessEnv, onLost: () => void): () => void {
  if (!env['npm_execpath'] && !env['npm_lifecycle_event']) return () => {}
  const chain = chainToNpm(process.ppid, process.platform === 'linux' ? readProc : readPs)
  if (chain.length === 0) return () => {}
  const timer = setInterval(() => {
    if (isWhole(chain)) return
    clearInterval(timer)
    onLost()
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Our ancestors from the parent up to the nearest npm; empty when there is none. */
export function chainToNpm(parent: number, read: (pid: number) => Ancestor | undefined): Ancestor[] {
  const chain: Ancestor[] = []
  for (let pid = parent; pid > 1 && chain.length < 32;) {
    const ancestor = read(pid)
    if (!ancestor) return []
    chain.push(ancestor)
    if (isNpm(ancestor.command)) return chain
    pid = ancestor.parent
  }
  return []
}

/** npm overwrites its command line with its title (`npm exec cowait run`); others stay `node /path/to/pnpm.cjs`. */
function isNpm(command: string): boolean {
  const [first = '', second = ''] = command.split(/\s+/, 2).map((word) => basename(word))
  return PACKAGE_MANAGER.test(first === 'node' ? second : first)
}

function isWhole(chain: readonly Ancestor[]): boolean {
  if (process.ppid !== chain[0]?.pid) return false
  // The last one is npm itself: its own parent may come and go.
  for (const { pid, parent } of chain.slice(0, -1)) {
    if (process.platform === 'linux' ? readProc(pid)?.parent !== parent : !isAlive(pid)) return false
  }
  return process.platform === 'linux' || isAlive(chain.at(-1)?.pid ?? 0)
}

function readProc(pid: number): Ancestor | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the name in brackets and may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    return { pid, parent, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }
  } catch {
    return undefined
  }
}

function readPs(pid: number): Ancestor | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    const [, parent, command] = /^(\d+)\s+(.*)$/s.exec(line) ?? []
    return parent === undefined ? undefined : { pid, parent: Number(parent), command: command ?? '' }
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
